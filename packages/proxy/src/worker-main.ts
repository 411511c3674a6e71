/** What runs in a worker thread: one Proxy, driven by messages of the main thread. */

import { getHeapStatistics } from 'node:v8'
import { parentPort, workerData } from 'node:worker_threads'
import { LocalRegistry, type MetricNews, type PublishMetric, systemClock } from '@meltemi/runtime'
import type { ProfileKind } from './admin/inspector.ts'
import { ThreadDuty, threadsOf } from './config/thread-duty.ts'
import { IdleCollector } from './idle-collector.ts'
import { Inheritance } from './net/inheritance.ts'
import { limitGarbage } from './net/large-reads.ts'
import { nodeNetwork } from './net/node-network.ts'
import { TlsSecrets } from './net/tls/tls-secrets.ts'
import type { Outlet } from './observe/export/outlet.ts'
import { SharedOverloadLevel } from './observe/overload-level.ts'
import { Proxy, SHED_LEVEL } from './proxy.ts'
import { HeapStats } from './server-stats.ts'
import { takeProfile } from './take-profile.ts'
import { ThreadCode } from './thread-code.ts'
import { ThreadUpdates } from './thread-updates.ts'
import { HandedLimits } from './upstream/shared-limits.ts'
import { createRandom } from './util/random.ts'
import {
  type FromWorker,
  HEARTBEAT_MS,
  type Question,
  type ToWorker,
  Vital,
  type WorkerStart,
} from './worker-messages.ts'

const LOG_LINES_PER_SECOND = 10
const MIB = 1024 * 1024
/** Of access logs and spans that the main thread has not dealt with; more is thrown away. */
const MAX_OUTLET_BYTES = 16 * MIB
/** What the heap holds is told once a second. */
const HEAP_STATS_BEATS = 10

/** What goes to the main thread. Metrics come many at once, and a message costs more than what is in it. */
class Mail {
  #news: MetricNews[] = []

  readonly metric: PublishMetric = (news) => {
    if (this.#news.length === 0) queueMicrotask(() => this.#sendNews())
    this.#news.push(news)
  }

  /** After what metrics have said before. */
  send(message: FromWorker): void {
    this.#sendNews()
    parentPort?.postMessage(message)
  }

  /** What it tells of goes with its memory. */
  sendBatch(batch: Parameters<Outlet['send']>[0]): void {
    this.#sendNews()
    parentPort?.postMessage({ kind: 'batch', batch } satisfies FromWorker, [batch.bytes.buffer])
  }

  #sendNews(): void {
    if (this.#news.length === 0) return
    const news = this.#news
    this.#news = []
    parentPort?.postMessage({ kind: 'metrics', news } satisfies FromWorker)
  }
}

const mail = new Mail()

function tell(message: FromWorker): void {
  mail.send(message)
}

async function run(start: WorkerStart): Promise<void> {
  const vitals = new Int32Array(start.vitals)
  const code = new ThreadCode(vitals.subarray(Vital.Running, Vital.LastRun + 1))
  const overload = new SharedOverloadLevel(start.overload)
  const metrics = new LocalRegistry(mail.metric)
  const pulse = startPulse(vitals, overload, new HeapStats(metrics))
  const limits = new HandedLimits(threadsOf(start.threads), start.worker)
  limits.take(start.limits)
  const secrets = new TlsSecrets(start.ticketKeys, start.secrets)
  limitGarbage(start.bufferLimitBytes)
  const proxy = new Proxy({
    config: start.config,
    routes: start.routes,
    ...(await code.load(start.modules)),
    network: nodeNetwork,
    secrets,
    clock: systemClock,
    random: createRandom(),
    metrics,
    share: limits,
    duty: new ThreadDuty(start.threads, start.worker),
    inheritance: new Inheritance(start.inheritance),
    bufferLimitBytes: start.bufferLimitBytes,
    drainMs: start.drainMs,
    outlet: outletOf(vitals),
    overloadLevel: () => overload.current,
    log: limitedLog(),
    onCodecFault: (codec, error) => {
      tell({ kind: 'fault', module: code.originOf(codec)?.id ?? 0, text: `${codec.name}: ${String(error)}` })
    },
  })
  pulse.heldBytes = () => proxy.bufferedBytes
  const answers = new Answers(proxy, new ThreadUpdates({ proxy, code, limits }), secrets)
  parentPort?.on('message', (message: ToWorker) => void answers.obey(message))
  await proxy.start(true)
  tell({ kind: 'ready' })
}

/** Does what the main thread says. */
class Answers {
  readonly #proxy: Proxy
  readonly #updates: ThreadUpdates
  readonly #secrets: TlsSecrets

  constructor(proxy: Proxy, updates: ThreadUpdates, secrets: TlsSecrets) {
    this.#proxy = proxy
    this.#secrets = secrets
    this.#updates = updates
  }

  async obey(message: ToWorker): Promise<void> {
    if (message.kind === 'drain') await this.#proxy.drain()
    else if (message.kind === 'hand-over') await this.#proxy.handOver()
    else if (message.kind === 'secrets') {
      this.#secrets.take(message.materials)
      this.#secrets.remove(message.removed)
    } else if (message.kind === 'stop') {
      await this.#proxy.stop()
      process.exit(0)
    } else tell({ kind: 'answer', question: message.question, value: await this.#answer(message) })
  }

  async #answer(question: Question): Promise<unknown> {
    switch (question.kind) {
      case 'endpoints':
        return this.#proxy.endpoints()
      case 'sockets':
        return this.#proxy.sockets
      case 'profile':
        return profile(question.what, question.durationMs)
      case 'finish':
        await this.#proxy.finish()
        return true
      case 'prepare':
        return this.#updates.prepare(question.update)
      case 'use':
        await this.#updates.use()
        return true
      case 'discard':
        await this.#updates.discard()
        return true
      default:
        return question satisfies never
    }
  }
}

/** To the main thread, which takes the bytes off the count when it has dealt with them. */
function outletOf(vitals: Int32Array): Outlet {
  return {
    send: (batch) => {
      const { length } = batch.bytes
      if (Atomics.load(vitals, Vital.OutletBytes) + length > MAX_OUTLET_BYTES) return false
      Atomics.add(vitals, Vital.OutletBytes, length)
      mail.sendBatch(batch)
      return true
    },
  }
}

/** undefined, with a line in the log, when there is too much of it. */
async function profile(kind: ProfileKind, durationMs: number): Promise<string | undefined> {
  try {
    return await takeProfile(kind, durationMs)
  } catch (error: unknown) {
    tell({ kind: 'log', level: 'warn', message: 'no profile', fields: { error: String(error) } })
    return undefined
  }
}

interface Pulse {
  /** What connections are known to hold. */
  heldBytes: () => number
}

function startPulse(vitals: Int32Array, overload: SharedOverloadLevel, heap: HeapStats): Pulse {
  const pulse: Pulse = { heldBytes: () => 0 }
  let beats = 0
  setInterval(() => {
    Atomics.add(vitals, Vital.Beats, 1)
    vitals[Vital.HeldMib] = overload.current < SHED_LEVEL ? 0 : unexplainedBytes(pulse) / MIB
    if (beats++ % HEAP_STATS_BEATS === 0) heap.update()
  }, HEARTBEAT_MS)
  new IdleCollector().start(systemClock, () => pulse.heldBytes())
  return pulse
}

function unexplainedBytes(pulse: Pulse): number {
  const { used_heap_size: heap, external_memory: buffers } = getHeapStatistics()
  return Math.max(0, heap + buffers - pulse.heldBytes())
}

/** Hostile bytes must not become a flood of messages to the main thread. */
function limitedLog(): (level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void {
  let second = 0
  let lines = 0
  return (level, message, fields) => {
    const now = Math.floor(systemClock.now() / 1000)
    if (now !== second) {
      second = now
      lines = 0
    }
    if (lines++ < LOG_LINES_PER_SECOND) tell({ kind: 'log', level, message, fields })
  }
}

run(workerData as WorkerStart).catch((error: unknown) => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error), code })
})
