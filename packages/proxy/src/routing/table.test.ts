import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetadataMatcher, RouteConfig } from '@meltemi/api'
import { Metadata } from '@meltemi/sdk'
import fc from 'fast-check'
import { RouteTable } from './table.ts'

function matcher(
  name: string,
  condition: MetadataMatcher['test'],
  invert = false,
  treatMissingAsEmpty = false,
): MetadataMatcher {
  return { name, test: condition, invert, treatMissingAsEmpty }
}

function exact(name: string, text: string): MetadataMatcher {
  return matcher(name, { kind: 'exact', text, ignoreCase: false })
}

function route(name: string, ...metadata: MetadataMatcher[]): RouteConfig {
  return {
    name,
    match: { metadata },
    clusters: [{ cluster: name, weight: 1 }],
    hashPolicy: [],
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
  }
}

function message(pairs: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [key, value] of Object.entries(pairs)) metadata.set(key, value)
  return metadata
}

function matchName(routes: readonly RouteConfig[], pairs: Readonly<Record<string, string>>): string | undefined {
  return new RouteTable({ name: 'table', routes }).match(message(pairs))?.name
}

test('the first route all of whose matchers hold is taken', () => {
  const routes = [
    route('both', exact('method', 'Hello'), exact('version', '2')),
    route('prefix', matcher('method', { kind: 'prefix', text: 'He', ignoreCase: false })),
    route('hello', exact('METHOD', 'Hello')),
    route('rest'),
    route('never'),
  ]
  assert.equal(matchName(routes, { method: 'Hello', version: '2' }), 'both')
  assert.equal(matchName(routes, { method: 'Hello', version: '1' }), 'prefix')
  assert.equal(matchName(routes, { Method: 'Bye' }), 'rest')
  assert.equal(matchName(routes, {}), 'rest')
})

test('no route is null, and so is an empty table', () => {
  assert.equal(matchName([route('a', exact('method', 'a'))], { method: 'b' }), undefined)
  assert.equal(matchName([], { method: 'b' }), undefined)
})

test('an exact route that stands later loses against any earlier one, and wins against any later one', () => {
  const catchAll = route('all')
  const hello = route('hello', exact('method', 'Hello'))
  assert.equal(matchName([catchAll, hello], { method: 'Hello' }), 'all')
  assert.equal(matchName([hello, catchAll], { method: 'Hello' }), 'hello')
})

test('any table gives the route that a walk from its start gives', () => {
  const name = fc.constantFrom('method', 'Service', 'version')
  const value = fc.constantFrom('', 'a', 'b', 'ab', '1')
  const condition: fc.Arbitrary<MetadataMatcher['test']> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('exact' as const), text: value, ignoreCase: fc.constant(false) }),
    },
    fc.record({
      kind: fc.constantFrom('exact' as const, 'prefix' as const, 'contains' as const),
      text: value,
      ignoreCase: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('regex' as const), pattern: fc.constantFrom('a.*', '[ab]') }),
    fc.record({ kind: fc.constant('range' as const), start: fc.constant(0n), end: fc.constant(5n) }),
    fc.record({ kind: fc.constant('present' as const), present: fc.boolean() }),
  )
  const rare = fc.integer({ min: 0, max: 5 }).map((draw) => draw === 0)
  const matchers = fc.array(
    fc.tuple(name, condition, rare, rare).map((parts) => matcher(...parts)),
    { maxLength: 3 },
  )
  const tables = fc.array(matchers, { maxLength: 12 })
  const pairs = fc.dictionary(fc.constantFrom('method', 'service', 'VERSION'), value)
  fc.assert(
    fc.property(tables, fc.array(pairs, { minLength: 10, maxLength: 10 }), (lists, messages) => {
      const table = new RouteTable({ name: 't', routes: lists.map((list, index) => route(String(index), ...list)) })
      for (const each of messages) {
        const metadata = message(each)
        const walked = table.routes.find((candidate) => candidate.matchers.every((one) => one.matches(metadata)))
        assert.equal(table.match(metadata), walked ?? null)
      }
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('a thousand exact routes cost no more than three times as much as one', () => {
  const cost = (count: number) => {
    const routes = Array.from({ length: count }, (_, index) =>
      route(`r${index}`, exact('service', 'same'), exact('method', `m${index}`)),
    )
    const table = new RouteTable({ name: 't', routes })
    const metadata = message({ service: 'same', method: `m${count - 1}` })
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < 20; round++) {
      const start = performance.now()
      for (let call = 0; call < 5_000; call++) assert.ok(table.match(metadata) !== null)
      best = Math.min(best, performance.now() - start)
    }
    return best
  }
  cost(1)
  const one = cost(1)
  const thousand = cost(1_000)
  assert.ok(thousand < 3 * one, `${thousand} ms against ${one} ms`)
})
