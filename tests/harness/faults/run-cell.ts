/** One fault, one way of trying again, one kind of connections: what clients saw, and what the proxy says of it. */

import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageType, type Metadata, ResponseStatus } from '@meltemi/sdk'
import type { TestedProtocol } from '../four-protocols.ts'
import { jsonLog, Observed } from '../observed.ts'
import { connectClient, type RawClient } from '../raw-client.ts'
import { startTestProxy, type TestProxy, testRoute } from '../test-proxy.ts'
import type { Fault, FaultStage } from './faults.ts'
import { type Mode, type PoolName, TIMES } from './modes.ts'

const CLIENTS = 10
const DURING = 200
const AFTER = 100
/** The fault begins when so many of them have been answered. */
const BEGINS_AT = 20
/** Of the machine, not of the proxy. */
const SLACK_MS = 1000
const PATIENCE_MS = 30_000
const LOOKS = 10

export interface Cell {
  readonly fault: Fault
  readonly mode: Mode
  readonly pool: PoolName
  readonly protocol: TestedProtocol
}

export interface CellResult {
  readonly asked: number
  readonly ok: number
  /** How many requests ended with each code. */
  readonly failed: ReadonlyMap<string, number>
  readonly retries: number
  readonly ejections: number
  /** From the end of the fault until all was as before. */
  readonly backMs: number
}

export async function runCell(cell: Cell): Promise<CellResult> {
  const { fault, mode, pool, protocol } = cell
  await using stage = await fault.stage(protocol)
  const observed = new Observed()
  const proxy = await startTestProxy({
    codec: protocol.codec,
    multiplexing: pool === 'shared',
    routes: [testRoute('service', mode.route)],
    outlet: observed,
    ...stage.proxy,
    filter: { ...stage.proxy.filter, accessLogs: [jsonLog(LOG)] },
  })
  const crowd = await Crowd.connect(proxy, protocol)
  let backMs: number
  try {
    backMs = await play(cell, stage, proxy, crowd)
    await crowd.leave()
    for (const gauge of ['request_active', 'upstream_rq_active', 'upstream_rq_pending_active'])
      await proxy.until(gauge, 0, PATIENCE_MS)
  } finally {
    await crowd.leave()
    await proxy[Symbol.asyncDispose]()
  }
  assertReleased(proxy)
  return { ...readLog(cell, observed, crowd), ...countsOf(proxy), backMs }
}

async function play(cell: Cell, stage: FaultStage, proxy: TestProxy, crowd: Crowd): Promise<number> {
  let begun: Promise<void> | undefined
  await crowd.ask(DURING / 2, (answered) => {
    if (answered === BEGINS_AT) begun = Promise.resolve(stage.begin(proxy))
  })
  await begun
  await crowd.ask(DURING / 2)
  await stage.end()
  const endedMs = performance.now()
  const ejections = ejectionsOf(proxy)
  const loop = monitorEventLoopDelay({ resolution: 5 })
  loop.enable()
  while (!(await stage.isMended(proxy, () => crowd.ask(1)))) {
    assert.ok(performance.now() - endedMs < PATIENCE_MS, `${titleOf(cell)}: it is not mended`)
    await sleep(5)
  }
  const backMs = performance.now() - endedMs
  loop.disable()
  // each sweep over the hosts, and each look of ours, is as late as the machine makes it
  const mostMs = TIMES.ejectionMs + SLACK_MS + (LOOKS * loop.max) / 1e6
  assert.ok(backMs < mostMs, `${titleOf(cell)}: ${backMs} ms until all was well, not ${mostMs}`)
  assert.equal(ejectionsOf(proxy), ejections, `${titleOf(cell)}: an ejection after the fault`)
  const before = arrivals(proxy)
  const failedBefore = crowd.failed
  await crowd.ask(AFTER)
  assert.equal(crowd.failed - failedBefore, 0, `${titleOf(cell)}: failures after the fault`)
  for (const [address, count] of arrivals(proxy))
    assert.ok(count > (before.get(address) ?? 0), `${titleOf(cell)}: ${address} got nothing after the fault`)
  return backMs
}

export function titleOf({ fault, mode, pool, protocol }: Cell): string {
  return `${fault.name}, ${mode.name}, ${pool}, ${protocol.name}`
}

function ejectionsOf(proxy: TestProxy): number {
  return proxy.stat('cluster.service.outlier_detection.ejections_enforced_total')
}

function arrivals(proxy: TestProxy): ReadonlyMap<string, number> {
  const services = proxy.proxy.endpoints().filter(({ cluster }) => cluster === 'service')
  assert.equal(services.length, 2)
  return new Map(services.map(({ address, rqTotal }) => [address, rqTotal]))
}

/** Clients that ask one request after the other, each on its connection. */
class Crowd {
  asked = 0
  failed = 0
  readonly #clients: readonly RawClient[]
  readonly #protocol: TestedProtocol

  constructor(clients: readonly RawClient[], protocol: TestedProtocol) {
    this.#clients = clients
    this.#protocol = protocol
  }

  static async connect({ port }: TestProxy, protocol: TestedProtocol): Promise<Crowd> {
    const clients: RawClient[] = []
    const { codec } = protocol
    while (clients.length < CLIENTS) clients.push(await connectClient({ port, codec, timeoutMs: PATIENCE_MS }))
    return new Crowd(clients, protocol)
  }

  /** Who is free asks the next one; `onAnswer` is told how many of these have been answered. */
  async ask(count: number, onAnswer?: (answered: number) => void): Promise<void> {
    let left = count
    let answered = 0
    const asking = this.#clients.map(async (client) => {
      while (left > 0) {
        left--
        const reply = await client.request(this.#protocol.request(++this.asked))
        if (!isGood(reply)) this.failed++
        onAnswer?.(++answered)
      }
    })
    await Promise.all(asking)
  }

  /** Each reply that came, by its id; one too many is there twice. */
  get replies(): readonly unknown[] {
    return this.#clients.flatMap(({ received }) => received.map(({ requestId }) => requestId))
  }

  async leave(): Promise<void> {
    for (const client of this.#clients) await client.close()
  }
}

function isGood(reply: Metadata): boolean {
  return reply.status === ResponseStatus.Ok && reply.type !== MessageType.Error
}

const LOG = {
  code: '%RESPONSE_CODE_DETAILS%',
  status: '%RESPONSE_STATUS%',
  ms: '%DURATION%',
  tries: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
}

/** Every request has one end, of which client and proxy say the same, in its time. */
function readLog(cell: Cell, { lines }: Observed, crowd: Crowd): Pick<CellResult, 'asked' | 'ok' | 'failed'> {
  const { mode } = cell
  const title = titleOf(cell)
  const { asked, replies } = crowd
  assert.equal(replies.length, asked, `${title}: one reply to each request`)
  assert.equal(new Set(replies).size, asked, `${title}: one reply to each request`)
  assert.equal(lines.length, asked, `${title}: one line for each request`)
  const failed = new Map<string, number>()
  let ok = 0
  for (const { code, status, ms, tries } of lines) {
    assert.ok(Number(ms) <= mode.timeoutMs + SLACK_MS, `${title}: ${ms} ms`)
    assert.ok(Number(tries) <= 1 + mode.numRetries, `${title}: ${tries} tries`)
    if (status === 'ok') ok++
    else failed.set(String(code), (failed.get(String(code)) ?? 0) + 1)
  }
  const failures = [...failed.values()].reduce((sum, count) => sum + count, 0)
  assert.equal(ok + failures, asked, title)
  assert.equal(failures, crowd.failed, `${title}: the proxy and its clients disagree`)
  return { asked, ok, failed }
}

function countsOf(proxy: TestProxy): Pick<CellResult, 'retries' | 'ejections'> {
  return {
    retries: proxy.stat('cluster.service.upstream_rq_retry'),
    ejections: ejectionsOf(proxy),
  }
}

/** It has stopped: nothing is held. */
function assertReleased({ proxy, metrics, limitsInUse }: TestProxy): void {
  assert.equal(proxy.timerCount, 0)
  assert.equal(limitsInUse, 0)
  for (const metric of metrics.read((name) => name.endsWith('_active')))
    if (metric.kind !== 'histogram') assert.equal(metric.value, 0, metric.name)
}
