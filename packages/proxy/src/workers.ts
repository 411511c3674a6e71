import { Worker } from 'node:worker_threads'
import type { Counter, Gauge } from '@meltemi/runtime'
import type { DataPlane, DataPlaneOptions } from './data-plane.ts'
import type { EndpointStatus } from './proxy.ts'
import { limitCells, reclaimLimits } from './upstream/limits.ts'
import { type FromWorker, HEARTBEAT_MS, type ToWorker, type WorkerStart } from './worker-messages.ts'

/** A worker whose event loop has not turned for this long is ended: with detection and restart within a second. */
const HUNG_AFTER_MS = 700
const CHECK_MS = 100
/** A check that comes later than this says that the whole machine stood still, not the worker. */
const LATE_CHECK_MS = 250
const ANSWER_MS = 1000
/** A worker that dies sooner than this after its start is restarted with a delay that doubles. */
const STABLE_MS = 10_000
const MAX_RESTART_DELAY_MS = 5000

/** Most of what a request needs dies young: a larger space costs memory (240 against 212 MB) and saves no time. */
const resourceLimits = { maxYoungGenerationSizeMb: 24 }

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker-main.ts' : './worker-main.js', import.meta.url)

/** `--concurrency N`: N threads share the ports, the limits and the counters; the dead are replaced. */
export class Workers implements DataPlane {
  readonly #options: DataPlaneOptions
  readonly #count: number
  readonly #cells: SharedArrayBuffer
  readonly #members: Member[] = []
  readonly #restarts: Counter
  readonly #hung: Counter
  readonly #live: Gauge
  #watchdog: NodeJS.Timeout | undefined
  #lastCheckMs = 0
  #isDraining = false
  #isStopping = false

  constructor(options: DataPlaneOptions, count: number) {
    this.#options = options
    this.#count = count
    this.#cells = limitCells(options.config.clusters.length + options.config.listeners.length, count)
    this.#restarts = options.metrics.counter('server.worker_restarted')
    this.#hung = options.metrics.counter('server.worker_hung')
    this.#live = options.metrics.gauge('server.workers')
  }

  async start(): Promise<void> {
    for (let index = 0; index < this.#count; index++) this.#members.push(new Member(index))
    try {
      await Promise.all(this.#members.map((member) => this.#launch(member)))
    } catch (error: unknown) {
      await this.stop()
      throw error
    }
    this.#lastCheckMs = performance.now()
    this.#watchdog = setInterval(() => this.#check(), CHECK_MS)
    this.#watchdog.unref()
    // who was ready first may have died while the others started
    for (const member of this.#members) if (member.worker === null) this.#relaunch(member)
  }

  drain(): Promise<void> {
    this.#isDraining = true
    for (const member of this.#members) member.tell({ kind: 'drain' })
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#watchdog)
    await Promise.all(this.#members.map((member) => member.stop()))
  }

  async endpoints(): Promise<readonly EndpointStatus[]> {
    const answers = await Promise.all(this.#members.map((member) => member.askEndpoints()))
    return answers.flat()
  }

  /** Starts a thread; rejects when it cannot begin to serve. */
  #launch(member: Member): Promise<void> {
    const { config, modules, overload, metrics, logger } = this.#options
    const heartbeat = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    const start: WorkerStart = {
      config,
      modules,
      workers: this.#count,
      worker: member.index,
      limitCells: this.#cells,
      overload,
      heartbeat,
    }
    const name = member.begin(heartbeat)
    const worker = new Worker(ENTRY, { workerData: start, name: `meltemi-${member.index}`, resourceLimits })
    member.worker = worker
    const publish = metrics.attach(name)
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'metric') publish(message.definition)
        else if (message.kind === 'endpoints') member.answer(message.question, message.endpoints)
        else if (message.kind === 'log')
          logger[message.level](message.message, { worker: member.index, ...message.fields })
        else if (message.kind === 'ready') {
          member.isReady = true
          member.lastBeatMs = performance.now()
          this.#live.add(1)
          resolve()
        } else {
          reject(Object.assign(new Error(message.message), { code: message.code }))
          void worker.terminate()
        }
      })
      worker.on('error', (error: unknown) => {
        logger.error('worker failed', {
          worker: member.index,
          error: error instanceof Error ? error.stack : String(error),
        })
      })
      worker.on('exit', () => {
        reject(new Error(`worker ${member.index} ended while starting`))
        metrics.retire(name)
        this.#onExit(member, worker)
      })
    })
  }

  #onExit(member: Member, worker: Worker): void {
    if (member.worker !== worker) return
    member.worker = null
    if (member.isReady) this.#live.add(-1)
    reclaimLimits(this.#cells, this.#count, member.index)
    // one that dies while it drains has lost its connections, and new ones are not accepted any more
    if (this.#isStopping || this.#isDraining || this.#watchdog === undefined) return
    this.#restarts.add(1)
    const delayMs = member.restartDelayMs()
    this.#options.logger.warn('worker is replaced', { worker: member.index, delayMs })
    setTimeout(() => this.#relaunch(member), delayMs).unref()
  }

  #relaunch(member: Member): void {
    if (this.#isStopping || this.#isDraining) return
    this.#launch(member).catch((error: unknown) => {
      this.#options.logger.error('worker cannot start', { worker: member.index, error: String(error) })
    })
  }

  #check(): void {
    const nowMs = performance.now()
    const isLate = nowMs - this.#lastCheckMs > LATE_CHECK_MS
    this.#lastCheckMs = nowMs
    for (const member of this.#members) {
      if (!member.isReady || member.worker === null) continue
      if (member.hasBeaten() || isLate) member.lastBeatMs = nowMs
      else if (nowMs - member.lastBeatMs > HUNG_AFTER_MS) {
        this.#hung.add(1)
        this.#options.logger.error('worker does not answer and is ended', { worker: member.index })
        member.lastBeatMs = nowMs
        void member.worker.terminate()
      }
    }
  }
}

/** One place among the workers; the thread in it may change. */
class Member {
  readonly index: number
  worker: Worker | null = null
  isReady = false
  lastBeatMs = 0
  #generation = 0
  #heartbeat = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  #beats = 0
  #startedMs = 0
  #quickDeaths = 0
  #question = 0
  readonly #answers = new Map<number, (endpoints: readonly EndpointStatus[]) => void>()

  constructor(index: number) {
    this.index = index
  }

  /** Prepares for a new thread and returns its name. */
  begin(heartbeat: SharedArrayBuffer): string {
    this.#heartbeat = new Int32Array(heartbeat)
    this.#beats = 0
    this.isReady = false
    this.#startedMs = performance.now()
    this.lastBeatMs = this.#startedMs
    return `worker-${this.index}.${this.#generation++}`
  }

  hasBeaten(): boolean {
    const beats = Atomics.load(this.#heartbeat, 0)
    if (beats === this.#beats) return false
    this.#beats = beats
    return true
  }

  restartDelayMs(): number {
    const isStable = performance.now() - this.#startedMs > STABLE_MS
    this.#quickDeaths = isStable ? 0 : this.#quickDeaths + 1
    return this.#quickDeaths <= 1 ? 0 : Math.min(HEARTBEAT_MS * 2 ** this.#quickDeaths, MAX_RESTART_DELAY_MS)
  }

  tell(message: ToWorker): void {
    this.worker?.postMessage(message)
  }

  /** Empty when the worker is busy for longer than a second: whoever asks must not wait for it. */
  askEndpoints(): Promise<readonly EndpointStatus[]> {
    if (this.worker === null || !this.isReady) return Promise.resolve([])
    const question = ++this.#question
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(question, []), ANSWER_MS)
      this.#answers.set(question, (endpoints) => {
        clearTimeout(timer)
        resolve(endpoints)
      })
      this.tell({ kind: 'endpoints', question })
    })
  }

  answer(question: number, endpoints: readonly EndpointStatus[]): void {
    this.#answers.get(question)?.(endpoints)
    this.#answers.delete(question)
  }

  async stop(): Promise<void> {
    const { worker } = this
    if (worker === null) return
    const isGone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    this.tell({ kind: 'stop' })
    const timer = setTimeout(() => void worker.terminate(), ANSWER_MS)
    await isGone
    clearTimeout(timer)
  }
}
