/** The same clusters in a real Envoy and in Meltemi: who is chosen how often? */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { parseBootstrap } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { findFreePort } from '../../../benchmarks/peers/peer.ts'
import { startTestProxy } from '../../harness/index.ts'
import { type EnvoyProcess, runEnvoy } from '../xds/envoy-process.ts'

const CONNECTIONS = 1_000
/** In points of 100: three times the deviation of what two random runs differ by. */
const TOLERANCE = 6

interface Backend {
  readonly name: string
  readonly server: Server
}

type Json = { readonly [key: string]: unknown }

/** What is said of one endpoint. */
interface Member extends Json {
  readonly name: string
}

interface Scenario {
  readonly name: string
  /** Localities: what is said of them, and who is in them. */
  readonly groups: readonly (readonly [Json, readonly Member[]])[]
  readonly cluster?: Json
  /** What the proxy asks of endpoints' metadata. */
  readonly wanted?: Json
}

const sick = { health_status: 'UNHEALTHY' }
const degraded = { health_status: 'DEGRADED' }
const lb = (metadata: Json) => ({ filter_metadata: { 'envoy.lb': metadata } })
const zone = (name: string, weight: number) => ({ locality: { zone: name }, load_balancing_weight: weight })
const policies = (type: string, settings: Json = {}) => ({
  policies: [
    {
      typed_extension_config: {
        name: `envoy.load_balancing_policies.${type.split('.')[0]}`,
        typed_config: { '@type': `type.googleapis.com/envoy.extensions.load_balancing_policies.${type}`, ...settings },
      },
    },
  ],
})

const versions: Scenario['groups'] = [
  [
    {},
    [
      { name: 'a', metadata: lb({ version: '1', stage: 'prod' }) },
      { name: 'b', metadata: lb({ version: '2', stage: 'prod' }) },
      { name: 'c', metadata: lb({ version: ['2', '3'] }) },
      { name: 'd' },
    ],
  ],
]
const selectors = [{ keys: ['version'] }, { keys: ['stage', 'version'] }]
const subsets = (config: Json) => ({ lb_subset_config: { subset_selectors: selectors, ...config } })

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'half of the first priority is healthy',
    groups: [
      [{}, [{ name: 'a' }, { name: 'b', ...sick }]],
      [{ priority: 1 }, [{ name: 'c' }]],
    ],
  },
  {
    name: 'a quarter of the first, half of the second, the third is whole',
    groups: [
      [{}, [{ name: 'a' }, { name: 'b', ...sick }, { name: 'c', ...sick }, { name: 'd', ...sick }]],
      [{ priority: 1 }, [{ name: 'e' }, { name: 'f', ...sick }]],
      [{ priority: 2 }, [{ name: 'g' }]],
    ],
  },
  {
    name: 'nothing is healthy anywhere: panic by numbers',
    groups: [
      [{}, [{ name: 'a', ...sick }]],
      [
        { priority: 1 },
        [
          { name: 'b', ...sick },
          { name: 'c', ...sick },
          { name: 'd', ...sick },
        ],
      ],
    ],
  },
  {
    name: 'nothing is healthy, and panic is not allowed',
    groups: [[{}, [{ name: 'a', ...sick }]]],
    cluster: { common_lb_config: { healthy_panic_threshold: { value: 0 } } },
  },
  {
    name: 'some are degraded',
    groups: [
      [{}, [{ name: 'a' }, { name: 'b', ...degraded }, { name: 'c', ...sick }]],
      [{ priority: 1 }, [{ name: 'd' }, { name: 'e', ...sick }, { name: 'f', ...sick }]],
    ],
  },
  {
    name: 'localities by weight, one of them half healthy',
    groups: [
      [zone('x', 3), [{ name: 'a' }, { name: 'b', ...sick }]],
      [zone('y', 2), [{ name: 'c' }, { name: 'd' }]],
    ],
    cluster: { common_lb_config: { locality_weighted_lb_config: {} } },
  },
  {
    name: 'localities by weight, but the cluster does not ask for it',
    groups: [
      [zone('x', 3), [{ name: 'a' }]],
      [zone('y', 1), [{ name: 'b' }, { name: 'c' }]],
    ],
  },
  { name: 'weights of endpoints', groups: [[{}, [{ name: 'a', load_balancing_weight: 3 }, { name: 'b' }]]] },
  { name: 'a subset', groups: versions, cluster: subsets({}), wanted: { version: '2' } },
  { name: 'a subset by two keys', groups: versions, cluster: subsets({}), wanted: { version: '2', stage: 'prod' } },
  { name: 'no such subset', groups: versions, cluster: subsets({}), wanted: { version: '9' } },
  { name: 'a key that no selector has', groups: versions, cluster: subsets({}), wanted: { stage: 'prod' } },
  {
    name: 'a list that is any of its values',
    groups: versions,
    cluster: subsets({ list_as_any: true }),
    wanted: { version: '2' },
  },
  {
    name: 'no such subset, but any will do',
    groups: versions,
    cluster: subsets({ fallback_policy: 'ANY_ENDPOINT' }),
    wanted: { version: '9' },
  },
  {
    name: 'nothing is asked for, and there is a default',
    groups: versions,
    cluster: subsets({ fallback_policy: 'DEFAULT_SUBSET', default_subset: { stage: 'prod' } }),
  },
  {
    name: 'the default has nobody, and panic helps',
    groups: versions,
    cluster: subsets({ fallback_policy: 'DEFAULT_SUBSET', default_subset: { stage: 'none' }, panic_mode_any: true }),
  },
  {
    name: 'a selector that falls back to fewer keys',
    groups: versions,
    cluster: {
      lb_subset_config: {
        fallback_policy: 'ANY_ENDPOINT',
        subset_selectors: [
          { keys: ['stage', 'version'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['stage'] },
          { keys: ['stage'] },
        ],
      },
    },
    wanted: { version: '9', stage: 'prod' },
  },
  {
    name: 'a list of what to ask for next',
    groups: versions,
    cluster: subsets({ metadata_fallback_policy: 'FALLBACK_LIST' }),
    wanted: { fallback_list: [{ version: '9' }, { version: '1' }] },
  },
  {
    name: 'a subset whose only endpoint is sick, without panic',
    groups: [
      [
        {},
        [
          { name: 'a', ...sick, metadata: lb({ version: '1' }) },
          { name: 'b', metadata: lb({ version: '2' }) },
        ],
      ],
    ],
    cluster: {
      ...subsets({ fallback_policy: 'ANY_ENDPOINT' }),
      common_lb_config: { healthy_panic_threshold: { value: 0 } },
    },
    wanted: { version: '1' },
  },
  {
    name: 'a policy as an extension: subsets, with more asked for than needed',
    groups: versions,
    cluster: {
      load_balancing_policy: policies('subset.v3.Subset', {
        subset_selectors: [{ keys: ['version'] }],
        allow_redundant_keys: true,
        subset_lb_policy: policies('round_robin.v3.RoundRobin'),
      }),
    },
    wanted: { version: '2', other: 'x' },
  },
  {
    name: 'a policy as an extension: round robin over localities',
    groups: [
      [zone('x', 1), [{ name: 'a' }, { name: 'b' }]],
      [zone('y', 4), [{ name: 'c' }]],
    ],
    cluster: {
      load_balancing_policy: policies('round_robin.v3.RoundRobin', {
        locality_lb_config: { locality_weighted_lb_config: {} },
      }),
    },
  },
]

/** Says its name to each client. */
async function startBackend(name: string): Promise<Backend> {
  const server = createServer((socket) => socket.on('error', () => {}).end(name))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { name, server }
}

/** Who is at the other end; `-`: nobody. */
async function ask(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('close', resolve))
  return text || '-'
}

/** In points of 100, by name. */
async function sharesAt(port: number): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (let asked = 0; asked < CONNECTIONS; asked += 20) {
    for (const name of await Promise.all(Array.from({ length: 20 }, () => ask(port)))) {
      counts.set(name, (counts.get(name) ?? 0) + 100 / CONNECTIONS)
    }
  }
  return counts
}

describe('who is chosen is who Envoy chooses, as often', () => {
  const backends = new Map<string, Backend>()
  const ports: number[] = []
  let envoy: EnvoyProcess

  const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })
  const portOf = (name: string) => ((backends.get(name) as Backend).server.address() as AddressInfo).port
  const clusterOf = ({ groups, cluster = {} }: Scenario, at: number) => ({
    name: `cluster${at}`,
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: `cluster${at}`,
      endpoints: groups.map(([place, members]) => ({
        ...place,
        lb_endpoints: members.map(({ name, ...rest }) => ({ endpoint: { address: address(portOf(name)) }, ...rest })),
      })),
    },
    ...cluster,
  })
  const listenerOf = ({ wanted }: Scenario, at: number, port: number) => ({
    name: `listener${at}`,
    address: address(port),
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.tcp_proxy',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
              stat_prefix: `tcp${at}`,
              cluster: `cluster${at}`,
              ...(wanted === undefined ? {} : { metadata_match: lb(wanted) }),
            },
          },
        ],
      },
    ],
  })
  const bootstrapOf = (scenarios: readonly Scenario[]) => ({
    static_resources: {
      clusters: scenarios.map(clusterOf),
      listeners: scenarios.map((each, at) => listenerOf(each, at, ports[at] as number)),
    },
  })

  before(async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) backends.set(name, await startBackend(name))
    for (const _ of SCENARIOS) ports.push(await findFreePort())
    envoy = runEnvoy(bootstrapOf(SCENARIOS))
    const endMs = performance.now() + 15_000
    while ((await ask(ports[0] as number)) === '-') {
      if (performance.now() > endMs || !envoy.isRunning) throw new Error(envoy.log())
      await setTimeout(20)
    }
  })
  after(async () => {
    await envoy[Symbol.asyncDispose]()
    for (const { server } of backends.values()) server.close()
  })

  for (const [at, scenario] of SCENARIOS.entries()) {
    test(scenario.name, async () => {
      const text = JSON.stringify(bootstrapOf(SCENARIOS))
      const { config, problems } = parseBootstrap(text, 'envoy.json')
      assert.deepEqual(problems, [])
      const tcpProxy = config?.listeners[at]?.filter
      const cluster = config?.clusters[at]
      assert.ok(tcpProxy?.kind === 'tcp-proxy' && cluster !== undefined)
      await using proxy = await startTestProxy({ codec: awesomerpc, clusters: [cluster], tcpProxy })
      const [theirs, ours] = [await sharesAt(ports[at] as number), await sharesAt(proxy.port)]
      const shown = (shares: ReadonlyMap<string, number>) =>
        [...shares]
          .sort()
          .map(([name, share]) => `${name} ${share.toFixed(1)}`)
          .join(', ')
      assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort(), `${shown(ours)}; Envoy: ${shown(theirs)}`)
      for (const [name, share] of ours) {
        const distance = Math.abs(share - (theirs.get(name) ?? 0))
        assert.ok(distance < TOLERANCE, `${shown(ours)}; Envoy: ${shown(theirs)}`)
      }
    })
  }
})
