/** A real Envoy asks our server through its HTTP filter. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { freePort } from '../../harness/index.ts'
import { type EnvoyProcess, runEnvoy } from '../xds/envoy-process.ts'
import { startOurServer } from './our-server.ts'
import { eventually, startRedis } from './redis-process.ts'

const LIMIT = 20
const RULES = {
  'rules.yaml': `
domain: edge
descriptors:
  - key: user
    rate_limit: {unit: day, requests_per_unit: ${LIMIT}}
  - key: user
    value: root
    rate_limit: {unlimited: true}
  - key: heavy
    rate_limit: {unit: day, requests_per_unit: ${LIMIT}}
`,
}

const backend = createServer((_, response) => response.end('hello'))
let backendPort = 0

before(async () => {
  backend.listen(0, '127.0.0.1')
  await once(backend, 'listening')
  backendPort = (backend.address() as AddressInfo).port
})

after(() => {
  backend.close()
  backend.closeAllConnections()
})

test('a real Envoy admits exactly what our server says, and tells its clients of the limit', async () => {
  await using server = await startOurServer(RULES, ['--response-headers'])
  const port = await freePort()
  await using envoy = runEnvoy(bootstrap(port, server.port, false))
  await serves(envoy, port)
  for (const user of ['ann', 'ben']) assert.deepEqual(await statuses(port, { user }, 10 * LIMIT), limited(9 * LIMIT))
  assert.deepEqual(await statuses(port, { user: 'root' }, 3 * LIMIT), new Map([[200, 3 * LIMIT]]))
  // what has no limit goes through
  assert.deepEqual(await statuses(port, {}, 3 * LIMIT), new Map([[200, 3 * LIMIT]]))
  const reply = await get(port, { user: 'eve' })
  assert.equal(reply.headers.get('x-ratelimit-limit'), `${LIMIT}, ${LIMIT};w=86400`)
  assert.equal(reply.headers.get('x-ratelimit-remaining'), String(LIMIT - 1))
  assert.ok(Number(reply.headers.get('x-ratelimit-reset')) <= 86_400)
  assert.equal(reply.headers.get('ratelimit-remaining'), String(LIMIT - 1))
})

test('a descriptor of a real Envoy may count several hits', async () => {
  await using server = await startOurServer(RULES)
  const port = await freePort()
  await using envoy = runEnvoy(bootstrap(port, server.port, false))
  await serves(envoy, port)
  const found = await statuses(port, { heavy: 'x' }, LIMIT)
  assert.equal(found.get(200), LIMIT / 5)
})

test('four real Envoys that ask two servers on one Redis admit exactly the limit together', async () => {
  await using redis = await startRedis()
  const args = ['--redis-url', `127.0.0.1:${redis.port}`, '--redis-timeout', '5s']
  await using first = await startOurServer(RULES, args)
  await using second = await startOurServer(RULES, args)
  const ports = await Promise.all(Array.from({ length: 4 }, () => freePort()))
  await using envoys = new AsyncDisposableStack()
  for (const [index, port] of ports.entries()) {
    const rls = index % 2 === 0 ? first : second
    await serves(envoys.use(runEnvoy(bootstrap(port, rls.port, true))), port)
  }
  for (const user of ['ann', 'ben', 'eve']) {
    const found = await Promise.all(ports.map((port) => statuses(port, { user }, 3 * LIMIT)))
    const sum = (status: number) => found.reduce((total, each) => total + (each.get(status) ?? 0), 0)
    assert.deepEqual([sum(200), sum(429)], [LIMIT, 11 * LIMIT])
  }
})

for (const [isDenied, expected] of [
  [false, 200],
  [true, 500],
] as const) {
  test(`without our server a real Envoy whose failure mode is ${isDenied ? 'deny' : 'allow'} answers ${expected}`, async () => {
    const port = await freePort()
    await using server = await startOurServer(RULES)
    await using envoy = runEnvoy(bootstrap(port, server.port, isDenied))
    await serves(envoy, port)
    assert.equal((await get(port, { user: 'ann' })).status, 200)
    server.process.child.kill('SIGTERM')
    assert.equal(await server.process.exited(), 0)
    assert.equal((await get(port, { user: 'ann' })).status, expected)
  })
}

function limited(refused: number): ReadonlyMap<number, number> {
  return new Map([
    [200, LIMIT],
    [429, refused],
  ])
}

function get(port: number, headers: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/`, { headers })
}

/** How often each status came of `count` requests at once. */
async function statuses(
  port: number,
  headers: Readonly<Record<string, string>>,
  count: number,
): Promise<ReadonlyMap<number, number>> {
  const replies = await Promise.all(
    Array.from({ length: count }, async () => {
      const reply = await get(port, headers)
      await reply.arrayBuffer()
      return reply.status
    }),
  )
  const sorted = replies.toSorted((x, y) => x - y)
  return new Map(sorted.map((status) => [status, sorted.filter((other) => other === status).length]))
}

async function serves(envoy: EnvoyProcess, port: number): Promise<void> {
  await eventually(
    async () => (await get(port, {}).catch(() => undefined))?.status === 200,
    () => `Envoy does not serve: ${envoy.log()}`,
  )
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

function cluster(name: string, port: number): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
  }
}

function bootstrap(port: number, rlsPort: number, isDenied: boolean): object {
  const header = (name: string) => ({ request_headers: { header_name: name, descriptor_key: name } })
  const filters = [
    {
      name: 'envoy.filters.http.ratelimit',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit',
        domain: 'edge',
        timeout: '5s',
        failure_mode_deny: isDenied,
        enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
        rate_limit_service: {
          grpc_service: { envoy_grpc: { cluster_name: 'ratelimit' } },
          transport_api_version: 'V3',
        },
      },
    },
    {
      name: 'envoy.filters.http.router',
      typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
    },
  ]
  const route = {
    name: 'local',
    virtual_hosts: [
      {
        name: 'all',
        domains: ['*'],
        routes: [{ match: { prefix: '/' }, route: { cluster: 'backend' } }],
        typed_per_filter_config: {
          'envoy.filters.http.ratelimit': {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute',
            rate_limits: [{ actions: [header('user')] }, { actions: [header('heavy')], hits_addend: { number: 5 } }],
          },
        },
      },
    ],
  }
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'edge',
    route_config: route,
    http_filters: filters,
  }
  return {
    static_resources: {
      listeners: [
        {
          name: 'edge',
          address: address(port),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
      clusters: [
        {
          ...cluster('ratelimit', rlsPort),
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
        cluster('backend', backendPort),
      ],
    },
  }
}
