import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RouteTableConfig } from '@meltemi/api/model'
import { RouteSlots } from './route-slots.ts'

function table(name: string, weight = 1): RouteTableConfig {
  const route = {
    name,
    match: { metadata: [] },
    clusters: [{ cluster: name, weight }],
    hashPolicy: [],
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
  }
  return { name, routes: [route] }
}

const always = () => true
const never = () => false

test('who has a slot sees each new table, and none before the first', () => {
  const slots = new RouteSlots([{ key: 'a', table: table('from the start') }])
  const [a, b] = [slots.slot('a'), slots.slot('b')]
  assert.deepEqual([a.table.name, b.table.routes.length], ['from the start', 0])
  const prepared = slots.prepare([
    { key: 'a', table: table('second') },
    { key: 'b', table: table('first') },
  ])
  assert.deepEqual([a.table.name, b.table.name], ['from the start', ''])
  prepared.use()
  assert.deepEqual([a.table.name, b.table.name], ['second', 'first'])
  assert.equal(slots.slot('b'), b)
})

test('a table that cannot be compiled changes nothing', () => {
  const slots = new RouteSlots([])
  const slot = slots.slot('a')
  assert.throws(
    () =>
      slots.prepare([
        { key: 'a', table: table('good') },
        { key: 'b', table: table('bad', 0) },
      ]),
    /weights of route 'bad'/,
  )
  assert.deepEqual([slot.table.routes.length, slots.size], [0, 1])
})

test('routes that are removed are gone for who goes on, and stay for who is on the way out', () => {
  const slots = new RouteSlots([{ key: 'a', table: table('old') }])
  const leaving = slots.slot('a')
  slots.remove(['a'], never)
  assert.equal(leaving.table.name, 'old')
  slots.prepare([{ key: 'a', table: table('new') }]).use()
  assert.deepEqual([leaving.table.name, slots.slot('a').table.name], ['old', 'new'])
  const staying = slots.slot('a')
  slots.remove(['a'], always)
  assert.equal(staying.table.routes.length, 0)
  slots.prepare([{ key: 'a', table: table('again') }]).use()
  assert.equal(staying.table.name, 'again')
})

test('slots that never had routes go with the listeners that asked for them', () => {
  const slots = new RouteSlots([{ key: 'routed', table: table('r') }])
  for (let n = 0; n < 10; n++) slots.slot(`empty ${n}`)
  slots.forgetUnused((key) => key === 'empty 3')
  assert.equal(slots.size, 2)
})
