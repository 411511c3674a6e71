import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTrafficName } from './traffic-name.ts'

test('names of clusters and stats are read', () => {
  const host = 'thrift.mesh.svc.cluster.local'
  assert.deepEqual(parseTrafficName(`outbound|9090|v1|${host}`), {
    direction: 'outbound',
    port: 9090,
    subset: 'v1',
    host,
  })
  assert.deepEqual(parseTrafficName(`outbound|80||${host}`), { direction: 'outbound', port: 80, subset: '', host })
  assert.deepEqual(parseTrafficName('inbound|7070||'), { direction: 'inbound', port: 7070, subset: '', host: '' })
})

test('other names are not', () => {
  for (const name of ['', 'service', 'outbound|9090|v1', 'outbound|port||h', 'outbound|9090|v1|h|x', 'x|1||h']) {
    assert.equal(parseTrafficName(name), undefined, name)
  }
})
