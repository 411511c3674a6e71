import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterConfig, ProxyConfig, RouteConfig } from '@meltemi/api/model'
import type { Network, Socket, SocketHandler } from '@meltemi/proxy'
import type { Codec, CodecDefinition } from '@meltemi/sdk'
import type { Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'
import type { Sabotage } from './stage.ts'

const SEEDS = 50

test(`the invariants hold for the first ${SEEDS} seeds`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { problems } = await simulate(seed)
    assert.deepEqual(problems, [], `seed ${seed}`)
  }
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

/** What is left to chance in a run is the same with and without mirrors: nothing is. */
function withoutChance(scenario: Scenario): Scenario {
  const { config, weather } = scenario
  return {
    ...scenario,
    weather: { ...weather, minDelayMs: weather.maxDelayMs, splitShare: 0 },
    config: {
      ...config,
      clusters: config.clusters.map(inTurn),
      listeners: withRoutes(config.listeners, (route) => ({ ...route, clusters: route.clusters.slice(0, 1) })),
    },
  }
}

/** Priorities are chosen at random, localities by a schedule with a random start, and subsets start when the first asks. */
function inTurn({ localityLb: _locality, subsets: _subsets, ...cluster }: ClusterConfig): ClusterConfig {
  const endpoints = cluster.endpoints.map((endpoint) => ({ ...endpoint, priority: 0, degraded: false }))
  return { ...cluster, endpoints, loadBalancer: { kind: 'round-robin' } }
}

function withoutMirrors(scenario: Scenario): Scenario {
  const { config } = scenario
  return {
    ...scenario,
    config: { ...config, listeners: withRoutes(config.listeners, (route) => ({ ...route, mirrors: [] })) },
  }
}

function withRoutes(
  listeners: ProxyConfig['listeners'],
  change: (route: RouteConfig) => RouteConfig,
): ProxyConfig['listeners'] {
  return listeners.map((listener) => {
    const { filter } = listener
    if (filter.kind !== 'meta-protocol') return listener
    return {
      ...listener,
      filter: { ...filter, routes: { ...filter.routes, routes: filter.routes.routes.map(change) } },
    }
  })
}

test('with mirrors, whatever becomes of them, each request ends as without, at the same moment', async () => {
  const ends = { completed: 0, failed: 0, timeout: 0, dropped: 0 }
  for (let seed = 201; seed <= 300; seed++) {
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
]

for (const [name, sabotage, finding] of defects) {
  test(`the invariants find ${name}`, async () => {
    const found: string[] = []
    for (let seed = 1; seed <= SEEDS; seed++) found.push(...(await simulate(seed, { sabotage: sabotage() })).problems)
    const hits = found.filter((problem) => finding.test(problem))
    assert.ok(hits.length > 0, `nothing of this kind among ${found.length} problems: ${found.slice(0, 3).join('; ')}`)
  })
}
