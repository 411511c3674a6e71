/**
 * Filters that routes have for themselves:
 *
 *   listener   [ limit, guard, fault ]
 *   route a    [   ·  , null ,   ·   ]     the guard is off
 *   route b    [ limit',  ·  , fault' ]    made with what the route says
 *
 * A route's own filter stands in the place of the listener's and has its slot, so filters know nothing of routes.
 */
import type { FilterConfig } from '@meltemi/api/model'
import type { CompiledRoute } from '../routing/route.ts'
import type { RouteFollower, RouteSlot } from '../routing/route-slots.ts'
import type { RouteTable } from '../routing/table.ts'
import type { Prepared } from '../util/prepared.ts'
import { ExchangeChain } from './exchange-chain.ts'
import { isObserver } from './observers.ts'
import type { ProxyFilter } from './proxy-filter.ts'

/** A filter made for one route; undefined: the listener's; null: none. */
export type RouteFilter = ProxyFilter | null | undefined

/** A filter made for a route, and of what. */
export interface MadeFilter {
  readonly config: FilterConfig
  readonly filter: ProxyFilter
}

export interface RouteFiltersParts {
  readonly table: RouteTable
  /** The listener's own. */
  readonly base: readonly ProxyFilter[]
  readonly byRoute: ReadonlyMap<CompiledRoute, readonly RouteFilter[]>
  /** Each of those in `byRoute` once. */
  readonly made: ReadonlyMap<string, MadeFilter>
}

/** What the routes of one table say to the filters of one listener, on one thread. */
export class RouteFilters {
  readonly table: RouteTable
  readonly base: readonly ProxyFilter[]
  readonly made: ReadonlyMap<string, MadeFilter>
  /** By the filter's place: some route says something to it. */
  readonly isOverridden: readonly boolean[]
  readonly hasEnd: boolean
  /** A filter of a route looks at the properties of messages. */
  readonly isObserved: boolean
  readonly #byRoute: ReadonlyMap<CompiledRoute, readonly RouteFilter[]>
  /** Whoever put it in force, and the exchanges that began since. */
  #users = 1

  constructor({ table, base, byRoute, made }: RouteFiltersParts) {
    this.table = table
    this.base = base
    this.made = made
    this.#byRoute = byRoute
    const perRoute = [...byRoute.values()]
    this.isOverridden = base.map((_, at) => perRoute.some((filters) => filters[at] !== undefined))
    const own = [...made.values()].map(({ filter }) => filter)
    this.hasEnd = [...base, ...own].some((filter) => filter.onEnd !== undefined)
    this.isObserved = own.some(isObserver)
    for (const filter of own) filter.retain?.()
  }

  /** What runs at this place for a route. */
  filterAt(at: number, route: CompiledRoute | null): ProxyFilter | null {
    const own = route === null ? undefined : this.#byRoute.get(route)?.[at]
    return own === undefined ? (this.base[at] as ProxyFilter) : own
  }

  /** For one exchange, which leaves at its end. */
  enter(): ExchangeChain {
    this.#users++
    return new ExchangeChain(this)
  }

  leave(): void {
    this.#users--
    if (this.#users === 0) for (const { filter } of this.made.values()) filter.release?.()
  }
}

/** Makes what the routes of a table say to the filters of a listener; null: nothing. Throws when it cannot. */
export type RouteFiltersBuilder = (table: RouteTable, before: RouteFilters | null) => RouteFilters | null

/** Where a listener finds what the routes in force say to its filters. */
export class RouteFiltersSlot implements RouteFollower {
  readonly #routes: RouteSlot
  readonly #build: RouteFiltersBuilder
  /** null: nothing. */
  #current: RouteFilters | null

  /** Follows the routes until it is released. Throws as the builder does. */
  constructor(routes: RouteSlot, build: RouteFiltersBuilder, current: RouteFilters | null) {
    this.#routes = routes
    this.#build = build
    this.#current = current
    routes.followers.add(this)
  }

  get current(): RouteFilters | null {
    return this.#current
  }

  prepare(table: RouteTable): Prepared {
    const next = this.#build(table, this.#current)
    return { use: () => this.#use(next), discard: () => next?.leave() }
  }

  drop(): void {
    this.#use(null)
  }

  release(): void {
    this.#routes.followers.delete(this)
    this.#use(null)
  }

  /** From the next request on; those under way keep what they have. */
  #use(next: RouteFilters | null): void {
    const before = this.#current
    this.#current = next
    before?.leave()
  }
}
