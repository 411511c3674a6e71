import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FilterConfig, RouteConfig } from '@meltemi/api'
import type { ProxyFilter } from '../filters/proxy-filter.ts'
import type { RouteFilters } from '../filters/route-filters.ts'
import { RouteTable } from '../routing/table.ts'
import { buildRouteFilters } from './build-route-filters.ts'

interface Counted extends ProxyFilter {
  readonly word: unknown
  users: number
}

function counted(word: unknown): Counted {
  return {
    word,
    users: 0,
    retain() {
      this.users++
    },
    release() {
      this.users--
    },
  }
}

const limit = (word: string): FilterConfig => ({ name: 'limit', typeUrl: 'x/Limit', config: { word } })

function route(name: string, word: string): RouteConfig {
  return {
    name,
    match: { metadata: [] },
    clusters: [{ cluster: 'service', weight: 1 }],
    hashPolicy: [],
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
    overrides: [{ name: 'limit', filter: limit(word) }],
  }
}

class Stage {
  readonly made: Counted[] = []

  build(before: RouteFilters | null, ...routes: readonly RouteConfig[]): { filters: RouteFilters; words: unknown[] } {
    const table = new RouteTable({ name: 'routes', routes })
    const create = ({ config }: FilterConfig): Counted => {
      const filter = counted((config as { readonly word: string }).word)
      this.made.push(filter)
      return filter
    }
    const parts = { configs: [limit('base')], filters: [counted('base')], create }
    const filters = buildRouteFilters(parts, table, before) as RouteFilters
    const words = table.routes.map((each) => (filters.filterAt(0, each) as Counted).word)
    return { filters, words }
  }

  get users(): number[] {
    return this.made.map(({ users }) => users)
  }
}

test('routes of one name that say different things to a filter have a filter each, and give both back', () => {
  const stage = new Stage()
  const first = stage.build(null, route('same', 'a'), route('same', 'b'), route('', 'a'))
  assert.deepEqual(first.words, ['a', 'b', 'a'])
  assert.deepEqual(stage.users, [1, 1, 1])
  const second = stage.build(first.filters, route('same', 'a'), route('same', 'b'))
  assert.deepEqual(
    [second.words, stage.users],
    [
      ['a', 'b'],
      [2, 2, 1],
    ],
  )
  first.filters.leave()
  assert.deepEqual(stage.users, [1, 1, 0])
  second.filters.leave()
  assert.deepEqual(stage.users, [0, 0, 0])
})
