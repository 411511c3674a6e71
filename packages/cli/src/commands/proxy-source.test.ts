import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { CommandError } from '../command-error.ts'
import { chooseSource, type SourceFlags } from './proxy-source.ts'

const NONE: SourceFlags = { nodeMetadata: new Map(), scope: [] }
const XDS = { host: '127.0.0.1', port: 15_010 }

test('a control plane by address gives a bootstrap that has everything from it', () => {
  const flags = {
    ...NONE,
    xds: XDS,
    nodeId: 'edge-1',
    nodeCluster: 'edge',
    scope: ['a.b'],
    nodeMetadata: new Map([['K', 'v']]),
  }
  const { config, problems } = chooseSource(flags).load({})
  assert.deepEqual(problems, [])
  assert.deepEqual(config?.node, { id: 'edge-1', cluster: 'edge', metadata: { K: 'v', SCOPE: ['a.b'] } })
  const ads = { kind: 'ads', initialFetchTimeoutMs: 15_000 }
  assert.deepEqual(config?.dynamic, { ads: { cluster: 'xds', delta: true }, listeners: ads, clusters: ads })
  const [cluster] = config?.clusters ?? []
  assert.deepEqual([cluster?.discovery, cluster?.http2], ['static', true])
  assert.deepEqual(cluster?.endpoints[0]?.address, XDS)
})

test('a node is called as its machine unless it has a name', () => {
  assert.equal(chooseSource({ ...NONE, xds: XDS }).load({}).config?.node.id, hostname())
})

test('the host of a control plane may be a name, or an IPv6 address', () => {
  const discovery = (host: string) =>
    chooseSource({ ...NONE, xds: { host, port: 1 } }).load({}).config?.clusters[0]?.discovery
  assert.equal(discovery('control.example'), 'strict-dns')
  assert.equal(discovery('::1'), 'static')
})

test('one source is needed, and what belongs to the other is refused', () => {
  const lines = (flags: SourceFlags) => {
    try {
      chooseSource(flags)
      return []
    } catch (error: unknown) {
      return error instanceof CommandError ? error.lines : assert.fail(String(error))
    }
  }
  assert.deepEqual(lines(NONE), ['one of --config and --xds is required'])
  assert.deepEqual(lines({ ...NONE, config: 'a', xds: XDS }), ['--config and --xds exclude each other'])
  assert.deepEqual(lines({ ...NONE, config: 'a', nodeId: 'n', scope: ['h'] }), [
    '--node-id needs --xds: a file has a node of its own',
    '--scope needs --xds: a file has a node of its own',
  ])
})
