import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyFieldMask, parseFieldMask } from './field-mask.ts'

const message = {
  '@type': 'a.Dump',
  node: { id: 'n', cluster: 'c' },
  lists: [
    { '@type': 'a.Item', name: 'x', size: 1 },
    { '@type': 'a.Item', size: 2 },
  ],
  updated: 'now',
}
const masked = (mask: string) => applyFieldMask(message, parseFieldMask(mask))

test('a mask keeps what its paths lead to, and the types of what it keeps', () => {
  assert.deepEqual(masked('node.id'), { '@type': 'a.Dump', node: { id: 'n' } })
  assert.deepEqual(masked('node'), { '@type': 'a.Dump', node: { id: 'n', cluster: 'c' } })
  assert.deepEqual(masked('updated,node.cluster'), { '@type': 'a.Dump', node: { cluster: 'c' }, updated: 'now' })
  assert.deepEqual(masked('node.id,node'), masked('node'))
})

test('a mask goes through lists, of which items without any of it are left out', () => {
  assert.deepEqual(masked('lists.name'), { '@type': 'a.Dump', lists: [{ '@type': 'a.Item', name: 'x' }] })
})

test('a mask that leads nowhere leaves nothing', () => {
  for (const mask of ['other', 'node.other', 'lists.other', 'updated.other', '', ',.', '__proto__'])
    assert.equal(masked(mask), undefined, mask)
})
