/**
 * Finds a message's route: the first in order all of whose matchers hold.
 *
 * A route that asks for an exact value of some key is found through a Map from that value, so that a table of a
 * thousand methods costs as much as one of one. Routes without such a matcher are tried one by one. Each of these
 * lists is in the table's order; the answer is the earliest hit of all, and none is walked past the best so far.
 *
 *   indexes   method → { "Hello" → [0, 4], "Bye" → [2] }     service → { "a.B" → [5] }
 *   rest      [1, 3]
 */

import type { RouteTableConfig } from '@meltemi/api'
import type { Metadata } from '@meltemi/sdk'
import { APPLICATION_PROTOCOL } from '../observe/property-keys.ts'
import { CompiledRoute } from './route.ts'

class ExactIndex {
  /** Lower case. */
  readonly name: string
  readonly positions: Map<string, number[]> = new Map()

  constructor(name: string) {
    this.name = name
  }

  add(text: string, position: number): void {
    const list = this.positions.get(text)
    if (list === undefined) this.positions.set(text, [position])
    else list.push(position)
  }
}

interface ExactCondition {
  readonly name: string
  readonly text: string
}

export class RouteTable {
  readonly name: string
  readonly routes: readonly CompiledRoute[]
  /** A route looks at the protocol's name, which few do. */
  readonly readsProtocol: boolean
  /** A route says something to filters. */
  readonly hasOverrides: boolean
  readonly #indexes: readonly ExactIndex[]
  readonly #rest: readonly number[]

  /** Throws when a route cannot be compiled: see CompiledRoute. */
  constructor(config: RouteTableConfig) {
    this.name = config.name
    this.routes = config.routes.map((route) => new CompiledRoute(route))
    const { indexes, rest } = buildIndexes(this.routes)
    this.#indexes = indexes
    this.#rest = rest
    this.readsProtocol = this.routes.some(readsProtocol)
    this.hasOverrides = this.routes.some(({ overrides }) => overrides.length > 0)
  }

  match(metadata: Metadata): CompiledRoute | null {
    let best = this.routes.length
    const indexes = this.#indexes
    for (let at = 0; at < indexes.length; at++) {
      const index = indexes[at] as ExactIndex
      const value = metadata.find(index.name)
      if (value === undefined) continue
      const positions = index.positions.get(value)
      if (positions !== undefined) best = this.#firstMatch(positions, metadata, best)
    }
    best = this.#firstMatch(this.#rest, metadata, best)
    return this.routes[best] ?? null
  }

  #firstMatch(positions: readonly number[], metadata: Metadata, best: number): number {
    for (let at = 0; at < positions.length; at++) {
      const position = positions[at] as number
      if (position >= best) return best
      if ((this.routes[position] as CompiledRoute).matches(metadata)) return position
    }
    return best
  }
}

function readsProtocol({ matchers, hashKeys }: CompiledRoute): boolean {
  return matchers.some(({ name }) => name === APPLICATION_PROTOCOL) || hashKeys.includes(APPLICATION_PROTOCOL)
}

/** Each route is indexed under its rarest exact condition, so that the lists stay short. */
function buildIndexes(routes: readonly CompiledRoute[]): { indexes: ExactIndex[]; rest: number[] } {
  const frequency = countConditions(routes)
  const indexes = new Map<string, ExactIndex>()
  const rest: number[] = []
  routes.forEach((route, position) => {
    const rarest = exactConditions(route).sort((a, b) => frequencyOf(frequency, a) - frequencyOf(frequency, b))[0]
    if (rarest === undefined) {
      rest.push(position)
      return
    }
    const index = indexes.get(rarest.name) ?? new ExactIndex(rarest.name)
    indexes.set(rarest.name, index)
    index.add(rarest.text, position)
  })
  return { indexes: [...indexes.values()], rest }
}

function exactConditions(route: CompiledRoute): ExactCondition[] {
  return route.matchers.flatMap(({ name, exactText }) => (exactText === undefined ? [] : [{ name, text: exactText }]))
}

function countConditions(routes: readonly CompiledRoute[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const condition of routes.flatMap(exactConditions)) {
    const key = conditionKey(condition)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

function frequencyOf(counts: ReadonlyMap<string, number>, condition: ExactCondition): number {
  return counts.get(conditionKey(condition)) ?? 0
}

function conditionKey({ name, text }: ExactCondition): string {
  return `${name}\0${text}`
}
