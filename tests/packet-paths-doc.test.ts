/** What a real istiod sends, as tests/interop/istio/sends.test.ts has recorded it, judged as our proxy does; and the page about it. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'
import { parseBootstrap, parseCluster, parseEndpoints, parseListener } from '@meltemi/api'
import { proxyFilters } from '@meltemi/proxy/filters'
import { ROOT } from '../scripts/workspace.ts'
import { istioContext } from './interop/istio/istio-context.ts'
import { PACKET_PATHS, packetPath, packetPathResources } from './interop/istio/packet-path.ts'
import { NODES, RECORDED } from './interop/istio/recorded-mesh.ts'

const PARSE = { cluster: parseCluster, endpoint: parseEndpoints, listener: parseListener } as const
const FRONT = 'outbound|9090||meltemi-front.shop.svc.cluster.local'

const page = readFileSync(join(ROOT, 'docs/packet-paths.md'), 'utf8')
const context = istioContext()

interface Sent {
  readonly type: keyof typeof PARSE
  readonly name: string
  readonly bytes: Buffer
}

/** All that a node is sent. */
function sentTo(node: string): readonly Sent[] {
  const recorded = JSON.parse(readFileSync(join(RECORDED, `${node}.json`), 'utf8'))
  return (Object.keys(PARSE) as (keyof typeof PARSE)[]).flatMap((type) =>
    Object.entries(recorded[type]).map(([name, text]) => ({ type, name, bytes: Buffer.from(String(text), 'base64') })),
  )
}

function sent(node: string, type: keyof typeof PARSE, name: string): Buffer {
  const found = sentTo(node).find((each) => each.type === type && each.name === name)
  assert.ok(found !== undefined, `${node} is sent no ${type} ${name}`)
  return found.bytes
}

function errors({ type, bytes }: Sent): readonly string[] {
  const { problems } = PARSE[type](bytes, context)
  return problems.filter(({ severity }) => severity === 'error').map(({ path, message }) => `${path}: ${message}`)
}

/** Names of the page's table → what is said of them. */
function refusals(): ReadonlyMap<string, string> {
  const rows = [...page.matchAll(/^\| (`.+) \| `(.+ is not supported .+)` \|$/gm)]
  const entries = rows.flatMap(([, names = '', reason = '']) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => [name.replaceAll('\\|', '|'), reason] as const),
  )
  return new Map(entries)
}

describe('what a real istiod sends', () => {
  for (const node of Object.keys(NODES)) {
    test(`is accepted, or refused as the page says: ${node}`, () => {
      const refused = refusals()
      for (const each of sentTo(node)) {
        // what would be refused elsewhere is not sent to a proxy that has to listen itself
        const reason = node === 'plain' ? undefined : refused.get(each.name)
        const found = errors(each)
        if (reason === undefined) assert.deepEqual(found, [], each.name)
        else
          assert.ok(
            found.some((error) => error.includes(reason)),
            `${each.name}: ${reason}\n${found.join('\n')}`,
          )
      }
    })
  }

  test('the page names nothing that is accepted, and every resource of its table is sent', () => {
    const all = Object.keys(NODES).flatMap(sentTo)
    for (const name of refusals().keys())
      assert.ok(
        all.some((each) => each.name === name),
        name,
      )
    assert.ok(refusals().size >= 8)
  })

  test('EnvoyFilters of Aeraki arrive, and nothing in those for clients is refused', () => {
    for (const [node, name, refused] of [
      ['client', '240.240.0.2_20880', ['bind_to_port: false is not supported yet']],
      ['plain', '127.0.0.1_20880', []],
    ] as const) {
      const bytes = sent(node, 'listener', name)
      assert.ok(bytes.includes('envoy.filters.network.meta_protocol_proxy'), name)
      assert.deepEqual(errors({ type: 'listener', name, bytes }), refused)
    }
    const inbound = sent('provider', 'listener', 'virtualInbound')
    for (const text of ['envoy.filters.network.meta_protocol_proxy', 'aeraki.meta_protocol.filters.local_ratelimit'])
      assert.ok(inbound.includes(text), text)
  })

  test('clients, and gateways, are led to the front, which they check by its account', () => {
    assert.ok(sent('client', 'listener', '10.96.0.10_9090').includes(FRONT))
    assert.ok(sent('gateway', 'listener', '0.0.0.0_9090').includes(FRONT))
    for (const node of ['client', 'gateway']) {
      const bytes = sent(node, 'cluster', FRONT)
      assert.ok(bytes.includes('istio-peer-exchange'))
      const tls = parseCluster(bytes, context).value?.transportMatches?.find(
        ({ name }) => name === 'tlsMode-istio',
      )?.tls
      assert.equal(tls?.sni, 'outbound_.9090_._.meltemi-front.shop.svc.cluster.local')
      assert.deepEqual(tls.alpn, ['istio'])
      const names = tls.validation?.sans.map(({ match }) => ('text' in match ? match.text : ''))
      assert.deepEqual(names, ['spiffe://cluster.local/ns/shop/sa/meltemi-front'])
      const [endpoint] = parseEndpoints(sent(node, 'endpoint', FRONT), context).value ?? []
      assert.deepEqual(endpoint?.transportMetadata, { tlsMode: 'istio' })
    }
  })

  test('a sidecar hands connections over with the identity of their clients', () => {
    const listener = sent('served', 'listener', 'virtualInbound')
    assert.ok(listener.includes('%DOWNSTREAM_PEER_URI_SAN%'))
    // as STRICT has it: there is no way in for connections without TLS
    assert.ok(!listener.includes('raw_buffer'))
    const cluster = sent('served', 'cluster', 'inbound|9090||')
    for (const text of ['envoy.transport_sockets.upstream_proxy_protocol', '127.0.0.1'])
      assert.ok(cluster.includes(text))
  })
})

describe('docs/packet-paths.md', () => {
  const files = globSync('*.yaml', { cwd: PACKET_PATHS })

  test('links to every file of deploy/istio, and no block of it is untried', () => {
    assert.equal(files.length, 7)
    for (const file of files) assert.ok(page.includes(`(../deploy/istio/${file})`), file)
    assert.doesNotMatch(page, /^```\w/m)
  })

  test('names tests that are there', () => {
    const named = [...page.matchAll(/`([\w/.-]+\.test\.ts)`/g)].map(([, name = '']) => basename(name))
    assert.ok(named.length >= 5)
    const known = globSync('tests/**/*.test.ts', { cwd: ROOT }).map((file) => basename(file))
    assert.deepEqual(
      named.filter((name) => !known.includes(name)),
      [],
    )
  })

  for (const file of files) {
    test(`${file} is what it should be`, () => {
      if (!file.endsWith('-resources.yaml')) {
        const filters = new Map(proxyFilters.map((filter) => [filter.typeUrl, filter]))
        assert.deepEqual(parseBootstrap(packetPath(file, {}), file, { filters }).problems, [])
        return
      }
      for (const { kind, spec, metadata } of packetPathResources(file)) {
        assert.ok(kind === 'ServiceAccount' || spec !== undefined, kind)
        assert.ok(metadata.name !== '', kind)
      }
    })
  }
})
