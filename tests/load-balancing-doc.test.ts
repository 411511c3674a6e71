import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ClusterConfig, parseBootstrap } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { nodeNetwork, Proxy, SeededRandom, SharedLimits } from '@meltemi/proxy'
import { MergedRegistry, systemClock } from '@meltemi/runtime'
import { ROOT } from '../scripts/workspace.ts'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServer,
  startEchoServer,
  testListener,
  testMetaProtocol,
  testRoute,
} from './harness/index.ts'

const REQUESTS = 2_000
/** In points of 100; four times the deviation of what is drawn at random. */
const TOLERANCE = 4.5

const page = readFileSync(join(ROOT, 'docs/load-balancing.md'), 'utf8')

interface Example {
  readonly name: string
  readonly yaml: string
  /** Of 100 requests, by the port that the page names. */
  readonly expected: ReadonlyMap<number, number>
}

/** Each bootstrap of the page, with the shares that the text after it tells. */
function examples(): readonly Example[] {
  const parts = page.split('```yaml\n').slice(1)
  return parts.map((part, at) => {
    const [yaml = '', text = ''] = part.split('\n```\n')
    const told = /Of 100 requests ([\s\S]*?)\.(\s|$)/.exec(text)?.[1] ?? ''
    const expected = new Map(
      [...told.matchAll(/`(\d+)`\s+gets\s+([\d.]+)/g)].map(([, port, share]) => [Number(port), Number(share)]),
    )
    const heading =
      page
        .slice(0, page.indexOf(yaml))
        .match(/^## (.*)$/gm)
        ?.at(-1) ?? ''
    return { name: `${heading.slice(3)}, example ${at + 1}`, yaml, expected }
  })
}

/** The same clusters, where the services of this test stand for those of the page. */
function withServers(
  clusters: readonly ClusterConfig[],
  servers: ReadonlyMap<number, EchoServer>,
): readonly ClusterConfig[] {
  const portOf = (port: number) => servers.get(port)?.port ?? port
  return clusters.map((cluster) => ({
    ...cluster,
    endpoints: cluster.endpoints.map((endpoint) => ({
      ...endpoint,
      address: { ...endpoint.address, port: portOf(endpoint.address.port) },
    })),
  }))
}

async function sharesOf(yaml: string): Promise<ReadonlyMap<number, number>> {
  const { config, problems } = parseBootstrap(yaml, 'load-balancing.md')
  assert.deepEqual(problems, [])
  assert.ok(config !== undefined)
  const ports = config.clusters.flatMap(({ endpoints }) => endpoints.map(({ address }) => address.port))
  const servers = new Map<number, EchoServer>()
  for (const port of ports) servers.set(port, await startEchoServer({ codec: awesomerpc }))
  const routes = { name: 'routes', routes: [testRoute('service')] }
  const plain = testListener('front', testMetaProtocol(awesomerpc.name, { routes }))
  const given = config.listeners.map((listener) => ({ ...listener, address: { ...listener.address, port: 0 } }))
  const proxy = new Proxy({
    config: {
      ...config,
      clusters: withServers(config.clusters, servers),
      listeners: given.length > 0 ? given : [plain],
    },
    codecs: [awesomerpc],
    filters: [],
    network: nodeNetwork,
    clock: systemClock,
    random: new SeededRandom(1),
    metrics: new MergedRegistry(),
    share: new SharedLimits(1).share(0),
    overloadLevel: () => 0,
    log: () => {},
  })
  await proxy.start(false)
  {
    await using client = await connectClient({ port: proxy.listeners[0]?.port ?? 0, codec: awesomerpc })
    for (let id = 1; id <= REQUESTS; id++) {
      const reply = await client.request(awesomerpcFrame({ id }))
      assert.equal(reply.message.readInt16BE(11), 0)
    }
  }
  await proxy.stop()
  for (const server of servers.values()) await server.close()
  const used = [...servers].filter(([, { received }]) => received.length > 0)
  return new Map(used.map(([port, { received }]) => [port, (100 * received.length) / REQUESTS]))
}

for (const { name, yaml, expected } of examples()) {
  test(`${name}: the bootstrap loads, and requests go where the page says`, async () => {
    const shares = await sharesOf(yaml)
    assert.ok(Math.abs([...shares.values()].reduce((sum, share) => sum + share, 0) - 100) < 1e-6)
    if (expected.size === 0) return
    assert.deepEqual([...shares.keys()].sort(), [...expected.keys()].sort())
    for (const [port, share] of shares) {
      const told = expected.get(port) ?? 0
      assert.ok(Math.abs(share - told) < TOLERANCE, `${port} gets ${share}, not ${told}`)
    }
  })
}

test('the page has examples, and tells of most of them who gets how much', () => {
  const all = examples()
  assert.ok(all.length >= 6)
  assert.ok(all.filter(({ expected }) => expected.size > 0).length >= 6)
})
