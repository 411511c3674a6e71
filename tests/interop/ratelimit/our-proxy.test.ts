/** Our proxy asks the rate limit service of Envoy's own project, and our own. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ResponseStatus } from '@meltemi/sdk'
import { FOUR_PROTOCOLS, type TestedProtocol } from '../../harness/four-protocols.ts'
import { connectClient, type ProxyProcess, startEchoServer, startProxyProcess } from '../../harness/index.ts'
import { startOurServer } from './our-server.ts'
import { startRedis } from './redis-process.ts'
import { startReference } from './reference.ts'

const WORKERS = 4
const LIMIT = 100
const CLIENTS = 8
const REQUESTS = 5 * LIMIT
const CODECS = fileURLToPath(new URL('../../harness/codecs/index.ts', import.meta.url))
const RULES = {
  'rules.yaml': `
domain: proxies
descriptors:
  - key: what
    rate_limit: {unit: day, requests_per_unit: ${LIMIT}}
    descriptors:
      - key: tier
        value: test
        rate_limit: {unit: day, requests_per_unit: ${2 * LIMIT}}
`,
}

interface Service extends AsyncDisposable {
  readonly port: number
}

const SERVICES: readonly (readonly [name: string, start: (redisPort: number) => Promise<Service>])[] = [
  ['the Go service', (redisPort) => startReference(RULES, redisPort)],
  [
    'our service',
    (redisPort) => startOurServer(RULES, ['--redis-url', `127.0.0.1:${redisPort}`, '--redis-timeout', '5s']),
  ],
]

/** As the reference's bootstraps have it: the cluster says nothing of HTTP/2. */
function startProxy(
  { codec, property: [property] }: TestedProtocol,
  service: number,
  limits: number,
  config: object,
  concurrency: number,
): Promise<ProxyProcess> {
  const address = { socket_address: { address: '127.0.0.1', port_value: limits } }
  const endpoints = [{ lb_endpoints: [{ endpoint: { address } }] }]
  const limit = {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.ratelimit.v1alpha.RateLimit',
    domain: 'proxies',
    timeout: '20s',
    failure_mode_deny: true,
    rate_limit_service: { grpc_service: { envoy_grpc: { cluster_name: 'ratelimit' } } },
    descriptors: [{ property, descriptor_key: 'what' }],
    ...config,
  }
  return startProxyProcess({
    codec: codec.name,
    endpoints: [service],
    clusters: [{ name: 'ratelimit', type: 'STATIC', load_assignment: { cluster_name: 'ratelimit', endpoints } }],
    filter: { meta_protocol_filters: [{ name: 'aeraki.meta_protocol.filters.ratelimit', config: limit }] },
    arguments: ['--concurrency', String(concurrency), '--module', CODECS, '--log-level', 'error'],
  })
}

/** How many of so many requests, over many connections at once, pass. */
async function admitted({ codec, request }: TestedProtocol, ports: readonly number[], count: number): Promise<number> {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, at) =>
      connectClient({ port: ports[at % ports.length] as number, codec, timeoutMs: 30_000 }),
    ),
  )
  const ask = async (_: unknown, at: number) => {
    const reply = await clients[at % CLIENTS]?.request(request(at + 1))
    return reply?.status === ResponseStatus.Ok
  }
  const passed = await Promise.all(Array.from({ length: count }, ask))
  await Promise.all(clients.map((client) => client.close()))
  return passed.filter(Boolean).length
}

function serviceOf({ codec, answer }: TestedProtocol) {
  return startEchoServer({ codec, answer })
}

for (const [at, [name, start]] of SERVICES.entries()) {
  // the second service makes no difference to a protocol
  for (const protocol of at === 0 ? FOUR_PROTOCOLS : FOUR_PROTOCOLS.slice(0, 1)) {
    test(`${WORKERS} workers admit what ${name} says, no more and no less: ${protocol.name}`, async () => {
      await using redis = await startRedis()
      await using limits = await start(redis.port)
      await using service = await serviceOf(protocol)
      await using proxy = await startProxy(protocol, service.port, limits.port, {}, WORKERS)
      assert.equal(await admitted(protocol, [proxy.port], REQUESTS), LIMIT)
      const stat = (ending: string) => proxy.stat(`meta_protocol.test.test.ratelimit.${ending}`)
      assert.deepEqual(await Promise.all(['ok', 'over_limit', 'error'].map(stat)), [LIMIT, REQUESTS - LIMIT, 0])
      assert.equal(service.received.length, LIMIT)
    })
  }

  test(`combined descriptors, hits and limits of the request mean the same to ${name}`, async () => {
    const protocol = FOUR_PROTOCOLS.at(-1) as TestedProtocol
    await using redis = await startRedis()
    await using limits = await start(redis.port)
    await using service = await serviceOf(protocol)
    const [property] = protocol.property
    const header = { request_headers: { header_name: property, descriptor_key: 'what' } }
    const tier = { generic_key: { descriptor_key: 'tier', descriptor_value: 'test' } }
    const ways = [
      [{ combined_descriptors: [{ actions: [header, tier] }] }, 2 * LIMIT],
      [{ combined_descriptors: [{ actions: [header] }], hits_addend: 4 }, LIMIT / 4],
      [{ combined_descriptors: [{ actions: [header], limit: { requests_per_unit: 30, unit: 'DAY' } }] }, 30],
    ] as const
    for (const [config, expected] of ways) {
      redis.cli('FLUSHALL')
      await using proxy = await startProxy(protocol, service.port, limits.port, { ...config, descriptors: [] }, 1)
      assert.equal(await admitted(protocol, [proxy.port], REQUESTS), expected, JSON.stringify(config))
    }
  })

  test(`four proxies that share ${name} admit together what it says`, async () => {
    const protocol = FOUR_PROTOCOLS[0] as TestedProtocol
    await using redis = await startRedis()
    await using limits = await start(redis.port)
    await using service = await serviceOf(protocol)
    await using stack = new AsyncDisposableStack()
    const ports: number[] = []
    // one after the other: together they would take longer than one may
    for (let count = 0; count < 4; count++) {
      const proxy = stack.use(await startProxy(protocol, service.port, limits.port, {}, 1))
      ports.push(proxy.port)
    }
    assert.equal(await admitted(protocol, ports, REQUESTS), LIMIT)
  })
}
