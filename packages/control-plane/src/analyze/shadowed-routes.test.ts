import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AttributeMatch, type MetaRouter, regexFits } from '@meltemi/api'
import fc from 'fast-check'
import { shadowedRoutes } from './shadowed-routes.ts'

type Attributes = Readonly<Record<string, AttributeMatch>>
type Message = Readonly<Record<string, string>>

function routerOf(routes: readonly Attributes[]): MetaRouter {
  return {
    apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
    kind: 'MetaRouter',
    metadata: { name: 'r', namespace: 'n', labels: {}, annotations: {}, resourceVersion: '', creationTimestamp: '' },
    spec: {
      hosts: ['a.b'],
      routes: routes.map((attributes) => ({ match: { attributes }, route: [{ destination: { host: 'a.b' } }] })),
    },
  }
}

function fits({ exact, prefix, regex }: AttributeMatch, value: string | undefined): boolean {
  if (value === undefined) return false
  if (exact !== undefined) return exact === '' || exact === value
  if (prefix !== undefined) return value.startsWith(prefix)
  return regexFits(regex ?? '', value)
}

function takes(attributes: Attributes, message: Message): boolean {
  return Object.entries(attributes).every(([name, test]) => fits(test, message[name]))
}

const text = fc.constantFrom('', 'a', 'b', 'ab', 'abb', 'ba')
const attribute: fc.Arbitrary<AttributeMatch> = fc.oneof(
  text.map((exact) => ({ exact })),
  text.map((prefix) => ({ prefix })),
  fc.constantFrom('a*', 'a.*', '(a|b)+', 'ab?', '.*').map((regex) => ({ regex })),
)
const name = fc.constantFrom('m', 'n')
const attributes = fc.dictionary(name, attribute, { minKeys: 1, maxKeys: 2 })

test('no message whatever comes to a route that is said to be shadowed', () => {
  const values = ['', 'a', 'b', 'ab', 'abb', 'ba', 'aa', undefined]
  const messages = values.flatMap((m) =>
    values.map((n) => ({ ...(m === undefined ? {} : { m }), ...(n === undefined ? {} : { n }) })),
  )
  let shadowed = 0
  fc.assert(
    fc.property(fc.array(attributes, { minLength: 2, maxLength: 5 }), (routes) => {
      for (const { path } of shadowedRoutes(routerOf(routes))) {
        shadowed += 1
        const index = path[2] as number
        const reached = messages.find((message) => routes.findIndex((each) => takes(each, message)) === index)
        assert.equal(reached, undefined, JSON.stringify(routes))
      }
    }),
    { numRuns: 2_000 },
  )
  assert.ok(shadowed > 100, `only ${shadowed} were found`)
})

test('a route that equals an earlier one is always found', () => {
  fc.assert(
    fc.property(fc.array(attributes, { maxLength: 3 }), attributes, (between, same) => {
      const last = between.length + 1
      assert.ok(shadowedRoutes(routerOf([same, ...between, same])).some(({ path }) => path[2] === last))
    }),
  )
})
