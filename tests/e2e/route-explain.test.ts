import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { MetadataMatcher, RouteConfig, WeightedCluster } from '@meltemi/api'
import { explainRoutes, type RouteExplanation, SeededRandom } from '@meltemi/proxy'
import type { Metadata } from '@meltemi/sdk'
import { MessageReader } from '@meltemi/sdk/testing'
import { mutable, mutableFrame } from '../harness/codecs/index.ts'
import { connectClient, type EchoServer, startEchoServer, startTestProxy, testCluster } from '../harness/index.ts'

const TABLES = 1000
const FRAMES = 10
const CLUSTERS = ['c0', 'c1', 'c2', 'c3', 'c4'] as const
const KEYS = ['service', 'method', 'User', 'count'] as const
const VALUES = ['a', 'b', 'ab', 'ba', 'A', '1', '7', '-3', ''] as const
const PATTERNS = ['a', '[ab]+', '-?[0-9]+', '', '(?i)a', '\\pL'] as const

const servers: EchoServer[] = []

before(async () => {
  for (const name of CLUSTERS) {
    const handler = ({ requestId }: Metadata, connection: { send(bytes: Buffer): void }) =>
      connection.send(mutableFrame({ id: Number(requestId), body: name }))
    servers.push(await startEchoServer({ codec: mutable, handler }))
  }
})

after(async () => {
  for (const server of servers) await server.close()
})

class Dice {
  readonly #random: SeededRandom

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
  }

  int(least: number, most: number): number {
    return least + Math.floor(this.#random.next() * (most - least + 1))
  }

  chance(share: number): boolean {
    return this.#random.next() < share
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(0, from.length - 1)] as T
  }
}

function drawTest(dice: Dice): MetadataMatcher['test'] {
  const kind = dice.pick(['exact', 'exact', 'prefix', 'suffix', 'contains', 'regex', 'range', 'present'] as const)
  if (kind === 'regex') return { kind, pattern: dice.pick(PATTERNS) }
  if (kind === 'range') return { kind, start: BigInt(dice.int(-5, 3)), end: BigInt(dice.int(2, 9)) }
  if (kind === 'present') return { kind, present: dice.chance(0.7) }
  return { kind, text: dice.pick(VALUES), ignoreCase: dice.chance(0.2) }
}

function drawMatcher(dice: Dice): MetadataMatcher {
  const name = dice.pick(KEYS)
  return {
    name: dice.chance(0.2) ? name.toUpperCase() : name,
    test: drawTest(dice),
    invert: dice.chance(0.15),
    treatMissingAsEmpty: dice.chance(0.1),
  }
}

function drawRoute(dice: Dice, at: number, clusters: readonly WeightedCluster[]): RouteConfig {
  return {
    name: `route ${at}`,
    match: { metadata: Array.from({ length: dice.int(0, 3) }, () => drawMatcher(dice)) },
    clusters,
    hashPolicy: dice.chance(0.2) ? ['method'] : [],
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
  }
}

/** All to one of two, so that where a request goes is not left to chance. */
function drawOneOfTwo(dice: Dice): readonly WeightedCluster[] {
  const two = [
    { cluster: dice.pick(CLUSTERS), weight: 100 },
    { cluster: dice.pick(CLUSTERS), weight: 0 },
  ]
  return dice.chance(0.5) ? two : two.reverse()
}

function drawFrame(dice: Dice, id: number): Buffer {
  const keys = KEYS.filter(() => dice.chance(0.6)).map((key) => (dice.chance(0.3) ? key.toLowerCase() : key))
  return mutableFrame({ id, pairs: Object.fromEntries(keys.map((key) => [key, dice.pick(VALUES)])) })
}

function explainFrame(routes: readonly RouteConfig[], frame: Buffer): RouteExplanation {
  const [request] = new MessageReader(mutable.create('downstream', undefined), 'downstream').push(frame)
  assert.ok(request !== undefined)
  return explainRoutes({ name: 'table', routes }, request)
}

function startRouting(routes: readonly RouteConfig[]) {
  const clusters = CLUSTERS.map((name, at) => testCluster(name, [(servers[at] as EchoServer).port]))
  return startTestProxy({ codec: mutable, clusters, routes })
}

function body(reply: Metadata): string {
  return reply.message.toString('utf8', reply.headerSize)
}

/** What the client is told where the explanation says this. */
function expectedReply({ effect }: RouteExplanation, id: number): string {
  const full = effect?.clusters.find(({ percent }) => percent === 100)
  return full?.cluster ?? `meta protocol router: no matched route for request '${id}'`
}

test(`the explanation names the cluster that live traffic reaches: ${TABLES} random tables, ${FRAMES} frames each`, async () => {
  const seen = { routed: 0, refused: 0, later: 0, mismatch: 0 }
  for (let seed = 1; seed <= TABLES; seed++) {
    const dice = new Dice(seed)
    const routes = Array.from({ length: dice.int(1, 12) }, (_, at) => drawRoute(dice, at, drawOneOfTwo(dice)))
    await using proxy = await startRouting(routes)
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    const frames = Array.from({ length: FRAMES }, (_, n) => drawFrame(dice, n + 1))
    const replies = await Promise.all(frames.map((frame) => client.request(frame)))
    for (const [n, frame] of frames.entries()) {
      const explanation = explainFrame(routes, frame)
      assert.equal(body(replies[n] as Metadata), expectedReply(explanation, n + 1), `seed ${seed}, frame ${n}`)
      assertReasons(explanation)
      count(seen, explanation)
    }
  }
  // or the tables were too alike to show anything
  for (const [what, times] of Object.entries(seen)) assert.ok(times > TABLES, `${what}: ${times}`)
})

/** Each route before the winner does not match; those behind it may. */
function assertReasons({ routes, winner }: RouteExplanation): void {
  for (const [at, { loss }] of routes.entries()) {
    if (at === winner) assert.equal(loss, undefined)
    else if (winner === -1 || at < winner) assert.equal(loss?.kind, 'mismatch')
    else assert.ok(loss !== undefined)
  }
}

function count(seen: Record<string, number>, { routes, winner }: RouteExplanation): void {
  const add = (what: string) => {
    seen[what] = (seen[what] ?? 0) + 1
  }
  add(winner === -1 ? 'refused' : 'routed')
  for (const { loss } of routes) if (loss !== undefined) add(loss.kind)
}

test('where weights leave it to chance the explanation lists all that live traffic reaches, and no other', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const dice = new Dice(seed)
    const chosen = CLUSTERS.filter(() => dice.chance(0.6))
    const clusters = [...new Set([...chosen, 'c0', 'c1'])].map((cluster) => ({ cluster, weight: dice.int(20, 60) }))
    const routes = [{ ...drawRoute(dice, 0, [...clusters, { cluster: 'c4', weight: 0 }]), match: { metadata: [] } }]
    await using proxy = await startRouting(routes)
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    const frames = Array.from({ length: 300 }, (_, n) => mutableFrame({ id: n + 1 }))
    const reached = new Set((await Promise.all(frames.map((frame) => client.request(frame)))).map(body))
    const { effect } = explainFrame(routes, mutableFrame({ id: 1 }))
    const listed = effect?.clusters.filter(({ percent }) => percent > 0) ?? []
    assert.deepEqual([...reached].sort(), [...new Set(listed.map(({ cluster }) => cluster))].sort(), `seed ${seed}`)
    const sum = listed.reduce((total, { percent }) => total + percent, 0)
    assert.ok(Math.abs(sum - 100) < 1e-9)
  }
})
