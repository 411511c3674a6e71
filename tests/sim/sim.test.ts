import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterConfig, EndpointConfig, ListenerConfig, RouteConfig } from '@meltemi/api/model'
import type { Network, Socket, SocketHandler } from '@meltemi/proxy'
import type { Codec, CodecDefinition } from '@meltemi/sdk'
import { testRetry } from '../harness/test-proxy.ts'
import { drawScenario } from './draw-scenario.ts'
import type { Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'
import type { Sabotage } from './stage.ts'

const SEEDS = 50

test(`the invariants hold for the first ${SEEDS} seeds`, async () => {
  let asked = 0
  // of those that are in trouble
  const seen = { stopped: 0, hedged: 0, unhedged: 0, ejections: 0, retries: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    let isTroubled = false
    const change = (scenario: Scenario) => {
      const { services, config } = scenario
      const filters = config.listeners.flatMap(({ filter }) => (filter.kind === 'meta-protocol' ? [filter] : []))
      isTroubled = filters.some(({ tracing }) => tracing !== undefined)
      if (!isTroubled) return scenario
      if (services.some(({ stop }) => stop !== undefined)) seen.stopped++
      if (filters.some(({ routes }) => routes.routes.some(({ hedge }) => hedge !== undefined))) seen.hedged++
      else seen.unhedged++
      return scenario
    }
    const result = await simulate(seed, { change })
    assert.deepEqual(result.problems, [], `seed ${seed}`)
    asked += result.asked
    if (!isTroubled) continue
    seen.ejections += result.ejections.ejections
    seen.retries += result.retries
  }
  assert.ok(asked > 100, 'filters have asked their service')
  assert.ok(
    Object.values(seen).every((count) => count > 0),
    JSON.stringify(seen),
  )
})

test('among these seeds are faults on purpose, filters of routes, and routes that answer themselves', () => {
  const filters = Array.from({ length: SEEDS }, (_, index) => drawScenario(index + 1)).flatMap(({ config }) =>
    config.listeners.flatMap(({ filter }) => (filter.kind === 'meta-protocol' ? [filter] : [])),
  )
  const routes = filters.flatMap(({ routes: table }) => table.routes)
  const counts = [
    filters.filter((filter) => filter.filters.length > 0),
    routes.filter(({ overrides }) => overrides !== undefined),
    routes.filter(({ directResponse }) => directResponse !== undefined),
  ].map(({ length }) => length)
  assert.ok(
    counts.every((count) => count > 0),
    `${counts}`,
  )
})

test('requests are tried again in some of them, and in others they are not', async () => {
  const retries: number[] = []
  for (let seed = 1; seed <= 12; seed++) retries.push((await simulate(seed)).retries)
  assert.ok(retries.some((count) => count > 0) && retries.includes(0), retries.join())
})

test('a seed replays exactly: the same trace twice, another trace for another seed', async () => {
  const hashes = new Set<string>()
  for (let seed = 101; seed <= 110; seed++) {
    const lines: string[] = []
    const first = await simulate(seed, { print: (line) => lines.push(line) })
    const again: string[] = []
    const second = await simulate(seed, { print: (line) => again.push(line) })
    assert.deepEqual(again, lines, `seed ${seed}`)
    assert.equal(second.hash, first.hash, `seed ${seed}`)
    hashes.add(first.hash)
  }
  assert.equal(hashes.size, 10)
})

/** What is left to chance in a run is the same with and without mirrors: nothing is, now and after changes. */
function withoutChance(scenario: Scenario): Scenario {
  const { config, routes, changes, weather } = withRoutes(scenario, ({ retry: _retry, hedge: _hedge, ...route }) => ({
    ...route,
    clusters: route.clusters.slice(0, 1),
  }))
  return {
    ...scenario,
    weather: { ...weather, minDelayMs: weather.maxDelayMs, splitShare: 0 },
    config: { ...config, clusters: config.clusters.map(inTurn) },
    routes,
    changes: changes.map(({ atMs, change }) => ({
      atMs,
      change: {
        ...change,
        clusters: change.clusters.map(inTurn),
        endpoints: change.endpoints.map((each) => ({ ...each, endpoints: each.endpoints.map(onOneLevel) })),
      },
    })),
  }
}

/**
 * Priorities are chosen at random, localities by a schedule with a random start, subsets start when the first asks, and who is
 * ejected depends on the end that comes first in a turn.
 */
function inTurn({
  localityLb: _locality,
  subsets: _subsets,
  healthCheck: _healthCheck,
  ...cluster
}: ClusterConfig): ClusterConfig {
  const endpoints = cluster.endpoints.map(onOneLevel)
  return { ...cluster, endpoints, loadBalancer: { kind: 'round-robin' }, outlierDetection: undefined }
}

function onOneLevel(endpoint: EndpointConfig): EndpointConfig {
  return { ...endpoint, priority: 0, degraded: false }
}

function withoutMirrors(scenario: Scenario): Scenario {
  return withRoutes(scenario, (route) => ({ ...route, mirrors: [] }))
}

/** Other routes wherever there are some: in the configuration, beside it, and in what changes it. */
function withRoutes(scenario: Scenario, change: (route: RouteConfig) => RouteConfig): Scenario {
  const named = (tables: Scenario['routes']) =>
    tables.map(({ key, table }) => ({ key, table: { ...table, routes: table.routes.map(change) } }))
  const listener = (each: ListenerConfig): ListenerConfig => {
    const { filter } = each
    if (filter.kind !== 'meta-protocol') return each
    const routes = { ...filter.routes, routes: filter.routes.routes.map(change) }
    // faults on purpose are a matter of chance
    return { ...each, filter: { ...filter, filters: [], routes } }
  }
  return {
    ...scenario,
    config: { ...scenario.config, listeners: scenario.config.listeners.map(listener) },
    routes: named(scenario.routes),
    changes: scenario.changes.map(({ atMs, change: each }) => ({
      atMs,
      change: { ...each, routes: named(each.routes), listeners: each.listeners.map(listener) },
    })),
  }
}

test('with mirrors, whatever becomes of them, each request ends as without, at the same moment', async () => {
  const ends = { completed: 0, failed: 0, timeout: 0, dropped: 0 }
  for (let seed = 201; seed <= 340; seed++) {
    const mirrored = await simulate(seed, { change: withoutChance })
    const plain = await simulate(seed, { change: (scenario) => withoutMirrors(withoutChance(scenario)) })
    assert.deepEqual(mirrored.outcomes, plain.outcomes, `seed ${seed}`)
    assert.deepEqual([...mirrored.problems, ...plain.problems], [], `seed ${seed}`)
    for (const end of Object.keys(ends) as (keyof typeof ends)[]) ends[end] += mirrored.copies[end]
    assert.equal(
      Object.values(plain.copies).reduce((sum, count) => sum + count),
      0,
    )
  }
  for (const [end, count] of Object.entries(ends)) assert.ok(count > 10, `only ${count} copies ${end}`)
})

const withCodec = (change: (codec: Codec, side: string) => void): Sabotage => ({
  codec: (definition: CodecDefinition) => ({
    ...definition,
    create: (side, options) => {
      const codec = definition.create(side, options)
      change(codec, side)
      return codec
    },
  }),
})

/** Changes what the proxy writes: `at` counts the writes of all sockets. */
const withWrites = (change: (parts: readonly Buffer[], at: number) => readonly Buffer[]): Sabotage => {
  let at = 0
  const spoil = (socket: Socket): Socket => {
    const write = socket.write.bind(socket)
    socket.write = (parts) => write(change(parts, ++at))
    return socket
  }
  return {
    network: (network: Network) => ({
      connect: (host: string, port: number, handler: SocketHandler) => spoil(network.connect(host, port, handler)),
      listen: (options, accept) => network.listen(options, (socket) => accept(spoil(socket))),
      resolve: (host) => network.resolve(host, 0),
      query: (host, question) => network.query(host, question),
    }),
  }
}

const defects: readonly (readonly [name: string, sabotage: () => Sabotage, finding: RegExp])[] = [
  [
    'ids that cross between two requests of one connection',
    () =>
      withCodec((codec, side) => {
        const patch = codec.patchIds?.bind(codec)
        if (patch === undefined || side !== 'upstream') return
        codec.patchIds = (bytes, start, id, stream) => patch(bytes, start, Number(id) ^ 1, stream)
      }),
    /got a reply to request|came back for|got the reply to/,
  ],
  [
    'local replies with the id of another request',
    () =>
      withCodec((codec) => {
        const onError = codec.onError.bind(codec)
        codec.onError = (request, failure, out) => {
          const id = request.requestId
          request.requestId = Number(id) ^ 1
          onError(request, failure, out)
          request.requestId = id
        }
      }),
    /which does not wait|an error for id/,
  ],
  [
    'replies sent twice',
    () => withWrites((parts, at) => (at % 20 === 0 ? [...parts, ...parts] : parts)),
    /answered or never sent|reached a service 2 times/,
  ],
  [
    'a byte that changes on the way',
    () =>
      withWrites((parts, at) => {
        if (at % 20 !== 0) return parts
        const bytes = Buffer.concat(parts)
        bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
        return [bytes]
      }),
    /damaged request|that nobody wrote/,
  ],
  [
    'bytes that are lost',
    () => withWrites((parts, at) => (at % 20 === 0 ? [] : parts)),
    /requests without an end|damaged request/,
  ],
  [
    'deadlines that are never called',
    () => {
      let timers = 0
      return {
        clock: (clock) => ({
          now: () => clock.now(),
          wallTime: () => clock.wallTime(),
          setImmediate: (callback) => clock.setImmediate(callback),
          setTimer: (delayMs, callback) => clock.setTimer(delayMs, ++timers % 10 === 0 ? () => {} : callback),
        }),
      }
    },
    /without an end|ended 0 times|connections of ended clients|_active/,
  ],
  [
    'clusters and listeners that are removed and never go',
    () => ({
      clock: (clock) => ({
        now: () => clock.now(),
        wallTime: () => clock.wallTime(),
        setImmediate: (callback) => clock.setImmediate(callback),
        // how often it is looked whether they are unused
        setTimer: (delayMs, callback) => clock.setTimer(delayMs, delayMs === 100 ? () => {} : callback),
      }),
    }),
    /clusters, not|stats of/,
  ],
  [
    'tries at the same time that no route has asked for',
    () => ({
      listeners: (listeners) =>
        withListeners(listeners, (route) => ({
          ...route,
          retry: testRetry({ numRetries: 5 }),
          hedge: { initialRequests: 2, additionalChance: { numerator: 0, denominator: 100 }, onPerTryTimeout: false },
        })),
    }),
    /at the same time without hedging/,
  ],
  [
    'a route that gives its requests more time than is said',
    () => ({ listeners: (listeners) => withListeners(listeners, (route) => ({ ...route, timeoutMs: 9000 })) }),
    /a try went on for/,
  ],
]

function withListeners(
  listeners: readonly ListenerConfig[],
  change: (route: RouteConfig) => RouteConfig,
): readonly ListenerConfig[] {
  return listeners.map((listener) => {
    const { filter } = listener
    if (filter.kind !== 'meta-protocol') return listener
    return {
      ...listener,
      filter: { ...filter, routes: { ...filter.routes, routes: filter.routes.routes.map(change) } },
    }
  })
}

for (const [name, sabotage, finding] of defects) {
  test(`the invariants find ${name}`, async () => {
    const found: string[] = []
    for (let seed = 1; seed <= SEEDS; seed++) found.push(...(await simulate(seed, { sabotage: sabotage() })).problems)
    const hits = found.filter((problem) => finding.test(problem))
    assert.ok(hits.length > 0, `nothing of this kind among ${found.length} problems: ${found.slice(0, 3).join('; ')}`)
  })
}
