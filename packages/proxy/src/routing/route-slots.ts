import type { NamedRoutes } from '@meltemi/api/model'
import { ConfigRefused, faultsOf } from '../util/config-refused.ts'
import type { Prepared } from '../util/prepared.ts'
import { RouteTable } from './table.ts'

const NO_ROUTES = new RouteTable({ name: '', routes: [] })

/** Makes something of the routes that come, and has it in use when they are. */
export interface RouteFollower {
  /** Throws an Error when it cannot be made. */
  prepare(table: RouteTable): Prepared
  /** There are no routes any more. */
  drop(): void
}

/** Where a listener finds its routes: the table in it may be another for the next request. */
export class RouteSlot {
  table: RouteTable
  /** Those who make something of each table. */
  readonly followers: Set<RouteFollower> = new Set()

  constructor(table: RouteTable) {
    this.table = table
  }
}

export interface PreparedRoutes extends Prepared {
  /** The table that the key will have, if it is to have another. */
  table(key: string): RouteTable | undefined
}

/** The slots of one thread, by the key that `rdsKey` gives: listeners with the same key share one. */
export class RouteSlots {
  readonly #slots = new Map<string, RouteSlot>()

  /** Throws when a route cannot be compiled. */
  constructor(tables: readonly NamedRoutes[]) {
    for (const { key, table } of tables) this.slot(key).table = new RouteTable(table)
  }

  get size(): number {
    return this.#slots.size
  }

  /** Without routes until there are some. */
  slot(key: string): RouteSlot {
    const slot = this.#slots.get(key) ?? new RouteSlot(NO_ROUTES)
    this.#slots.set(key, slot)
    return slot
  }

  /** Compiles tables. Throws ConfigRefused, with nothing changed, when one of them cannot be. */
  prepare(tables: readonly NamedRoutes[]): PreparedRoutes {
    const compiled = compile(tables)
    return {
      table: (key) => compiled.get(key),
      use: () => {
        for (const [key, table] of compiled) this.slot(key).table = table
      },
      discard: () => {},
    }
  }

  /** Listeners in force with one of these keys have no routes any more; those on their way out keep what they had. */
  remove(keys: readonly string[], isUsed: (key: string) => boolean): void {
    for (const key of keys) {
      if (isUsed(key)) {
        const slot = this.slot(key)
        slot.table = NO_ROUTES
        for (const follower of slot.followers) follower.drop()
      } else this.#slots.delete(key)
    }
  }

  /** Forgets slots that never had routes and that no listener asks for any more. */
  forgetUnused(isUsed: (key: string) => boolean): void {
    for (const [key, { table }] of this.#slots) if (table === NO_ROUTES && !isUsed(key)) this.#slots.delete(key)
  }
}

function compile(tables: readonly NamedRoutes[]): Map<string, RouteTable> {
  const compiled = new Map<string, RouteTable>()
  const faults: string[] = []
  for (const { key, table } of tables) {
    try {
      compiled.set(key, new RouteTable(table))
    } catch (error: unknown) {
      faults.push(...faultsOf(error).map((fault) => `routes '${table.name}': ${fault}`))
    }
  }
  if (faults.length > 0) throw new ConfigRefused(faults)
  return compiled
}
