import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serviceTables } from './service-tables.ts'
import { placed, WORLD_OPTIONS } from './testing/resources.ts'

const MESH = `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: mine }
spec: { protocol: mine, codec: example.mine, module: { url: 'https://example.com/mine.mjs', sha256: ${'a'.repeat(64)} } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: users }
spec:
  hosts: [users.mesh.svc.cluster.local]
  ports:
    - { number: 9090, name: tcp-metaprotocol-thrift-users }
    - { number: 9091, name: tcp-metaprotocol-mine }
    - { number: 9092, name: tcp-plain }
  resolution: STATIC
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: accounts }
spec:
  hosts: [accounts.mesh.svc.cluster.local]
  ports: [{ number: 9090, name: tcp-metaprotocol-thrift-accounts }]
  resolution: STATIC
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: users }
spec:
  hosts: [users.mesh.svc.cluster.local]
  routes:
    - name: beta
      match: { attributes: { user: { prefix: beta- } } }
      route: [{ destination: { host: users.mesh.svc.cluster.local, subset: v2 } }]
      mirror: { host: accounts.mesh.svc.cluster.local }
      mirrorPercentage: { value: 12.5 }
`

test('each port that speaks a protocol has its routes, also while its codec is still to come', () => {
  const tables = serviceTables(placed(MESH), WORLD_OPTIONS)
  assert.deepEqual(
    tables.map(({ host, port, codec, table }) => [host.split('.')[0], port, codec, table.name]),
    [
      ['accounts', 9090, 'aeraki.meta_protocol.codec.thrift', 'accounts.mesh.svc.cluster.local_9090'],
      ['users', 9090, 'aeraki.meta_protocol.codec.thrift', 'users.mesh.svc.cluster.local_9090'],
      ['users', 9091, 'example.mine', 'users.mesh.svc.cluster.local_9091'],
    ],
  )
  const [accounts, users] = tables.map(({ table }) => table.routes)
  assert.deepEqual(
    accounts?.map(({ name, clusters }) => [name, clusters]),
    [['default', [{ cluster: 'outbound|9090||accounts.mesh.svc.cluster.local', weight: 1 }]]],
  )
  assert.deepEqual(
    users?.map(({ name, clusters, mirrors }) => [name, clusters, mirrors]),
    [
      [
        'beta',
        [{ cluster: 'outbound|9090|v2|users.mesh.svc.cluster.local', weight: 1 }],
        [{ cluster: 'outbound|9090||accounts.mesh.svc.cluster.local', numerator: 125_000, denominator: 1_000_000 }],
      ],
    ],
  )
})

test('without resources there are none', () => {
  assert.deepEqual(serviceTables([], WORLD_OPTIONS), [])
})
