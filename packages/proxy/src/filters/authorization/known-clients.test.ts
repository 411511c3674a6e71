import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RbacPolicy } from '@meltemi/api'
import { Metadata } from '@meltemi/sdk'
import type { RecordedConnection } from '../../observe/record.ts'
import { KnownClients } from './known-clients.ts'
import { RuleProgram } from './rule-program.ts'

const MOST = 64

function connectionFrom(n: number): RecordedConnection {
  const address = `10.0.0.${n}`
  return {
    ...{ remoteAddress: address, remotePort: 1, directRemoteAddress: address, directRemotePort: 1 },
    ...{ localAddress: '127.0.0.1', localPort: 9000, properties: new Map() },
  }
}

test('clients about whom all tests say the same are of one kind, and so many kinds have room of their own', () => {
  const clients = new KnownClients([3, 1])
  const kinds = Array.from({ length: 100 }, (_, n) => clients.add(connectionFrom(n), Int32Array.of(n, n + 1)))
  assert.equal(clients.add(connectionFrom(0), Int32Array.of(0, 1)), kinds[0])
  assert.equal(clients.size, MOST)
  assert.deepEqual([kinds[0]?.isAlone, kinds[99]?.isAlone], [true, false])
  assert.equal(kinds[98]?.known, kinds[99]?.known)
  const connection = connectionFrom(7)
  assert.equal(clients.of(connection), undefined)
  assert.equal(clients.add(connection, Int32Array.of(7, 8)), clients.of(connection))
})

test('each client has its own decision, however many kinds of them there are', () => {
  const policies = Array.from({ length: 2 * MOST }, (_, n): RbacPolicy => {
    const address = { kind: 'address', of: 'remote', prefix: `10.0.0.${n}`, bits: 32 } as const
    const test = { kind: 'exact', text: n % 2 === 0 ? 'read' : 'write', ignoreCase: false } as const
    const matcher = { name: 'method', test, invert: false, treatMissingAsEmpty: false }
    return { name: `p${n}`, condition: { kind: 'and', conditions: [address, { kind: 'property', matcher }] } }
  })
  const program = new RuleProgram(policies)
  const connections = policies.map((_, n) => connectionFrom(n))
  for (let round = 0; round < 3; round++) {
    for (const method of ['read', 'write', 'other']) {
      const request = new Metadata()
      request.set('method', method)
      for (const [n, connection] of connections.entries()) {
        const fits = method === (n % 2 === 0 ? 'read' : 'write')
        assert.equal(program.firstMatch(request, connection), fits ? n : -1, `${method} of client ${n}, round ${round}`)
      }
    }
  }
})
