import { Worker } from 'node:worker_threads'
import type { Counter, Gauge } from '@meltemi/runtime'
import type { CodeFault, DataPlane, DataPlaneOptions } from './data-plane.ts'
import type { ModuleVersion } from './modules/module-version.ts'
import { type EndpointStatus, SHED_LEVEL } from './proxy.ts'
import { limitCells, reclaimLimits } from './upstream/limits.ts'
import { Member } from './worker-member.ts'
import { type FromWorker, Vital, type WorkerStart } from './worker-messages.ts'

const CHECK_MS = 100
/** A check that comes later than this says that the whole machine stood still, not the worker. */
const LATE_CHECK_MS = 250
/** Loading code that was tried before takes milliseconds. */
const PREPARE_MS = 5000
/** Overload that goes on for so long, although the largest connections were closed, has another cause. */
const OVERLOAD_MS = 500
/** The part of the memory limit that a worker must hold without a connection to show for it to be that cause. */
const UNEXPLAINED_PART = 0.5
/** Most of what a request needs dies young: a larger space costs memory (240 against 212 MB) and saves no time. */
const YOUNG_MIB = 24
/** A worker's heap may take this part of its share of the process: it is to end before the process is ended. */
const HEAP_PART = 0.75
const MIN_HEAP_MIB = 64
const MIB = 1024 * 1024

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
  readonly #overload: Int32Array
  #modules: readonly ModuleVersion[]
  #overloadedSinceMs = 0
  #watchdog: NodeJS.Timeout | undefined
  #lastCheckMs = 0
  #isDraining = false
  #isStopping = false

  constructor(options: DataPlaneOptions, count: number) {
    this.#options = options
    this.#count = count
    this.#cells = limitCells(options.config.clusters.length + options.config.listeners.length, count)
    this.#overload = new Int32Array(options.overload)
    this.#modules = options.modules
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

  async load(modules: readonly ModuleVersion[], isUrgent: boolean): Promise<void> {
    if (isUrgent) this.#modules = modules
    const members = this.#members.filter((member) => member.isReady)
    const answers = await Promise.all(members.map((member) => member.ask({ kind: 'prepare', modules }, PREPARE_MS)))
    const refusals = answers.flatMap((answer) => (answer === '' ? [] : [String(answer ?? 'a worker did not answer')]))
    if (refusals.length > 0 && !isUrgent) {
      await Promise.all(members.map((member) => member.ask({ kind: 'discard' })))
      throw new Error(refusals[0])
    }
    this.#modules = modules
    await Promise.all(members.map((member, index) => this.#use(member, answers[index] === '')))
  }

  async #use(member: Member, isPrepared: boolean): Promise<void> {
    const { worker } = member
    const modules = this.#modules
    if (isPrepared && (await member.ask({ kind: 'use' })) === '') member.modules = modules
    // what does not take the code that must run is replaced by one that starts with it
    else if (member.worker === worker) void worker?.terminate()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#watchdog)
    await Promise.all(this.#members.map((member) => member.stop()))
  }

  async endpoints(): Promise<readonly EndpointStatus[]> {
    const answers = await Promise.all(this.#members.map((member) => member.ask({ kind: 'endpoints' })))
    return answers.flatMap((answer) => (answer as readonly EndpointStatus[] | undefined) ?? [])
  }

  /** Starts a thread; rejects when it cannot begin to serve. */
  #launch(member: Member): Promise<void> {
    const { config, overload, metrics, logger } = this.#options
    const name = member.begin(this.#modules)
    const start: WorkerStart = {
      config,
      modules: this.#modules,
      workers: this.#count,
      worker: member.index,
      limitCells: this.#cells,
      overload,
      vitals: member.vitals,
    }
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MIB, maxOldGenerationSizeMb: this.#heapMib() }
    const worker = new Worker(ENTRY, { workerData: start, name: `meltemi-${member.index}`, resourceLimits })
    member.worker = worker
    const publish = metrics.attach(name)
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'metric') publish(message.definition)
        else if (message.kind === 'answer') member.answer(message.question, message.value)
        else if (message.kind === 'fault') this.#onFault('threw', message.module, message.text)
        else if (message.kind === 'log')
          logger[message.level](message.message, { worker: member.index, ...message.fields })
        else if (message.kind === 'ready') {
          member.isReady = true
          member.lastBeatMs = performance.now()
          this.#live.add(1)
          resolve()
          if (member.modules !== this.#modules) void this.#catchUp(member)
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
        if ((error as NodeJS.ErrnoException)?.code !== 'ERR_WORKER_OUT_OF_MEMORY') return
        this.#onFault('memory', this.#suspect(member), `worker ${member.index} had no heap left`)
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
    member.gone()
    if (member.isReady) this.#live.add(-1)
    member.isReady = false
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
      if (!member.isHung(nowMs)) continue
      const silentMs = Math.round(nowMs - member.lastBeatMs)
      this.#hung.add(1)
      this.#end(member, 'worker does not answer and is ended', nowMs, { silentMs })
      this.#onFault('hung', member.vital(Vital.Running), `worker ${member.index} did not answer for ${silentMs} ms`)
    }
    this.#checkMemory(nowMs)
  }

  /** A worker that grows without having connections to show for it is ended: what it holds is what its code keeps. */
  #checkMemory(nowMs: number): void {
    if (Atomics.load(this.#overload, 0) < SHED_LEVEL) {
      this.#overloadedSinceMs = 0
      return
    }
    this.#overloadedSinceMs ||= nowMs
    if (nowMs - this.#overloadedSinceMs < OVERLOAD_MS) return
    const limitMib = (this.#options.memoryLimitBytes * UNEXPLAINED_PART) / MIB
    for (const member of this.#members) {
      const heldMib = member.vital(Vital.HeldMib)
      if (!member.isReady || heldMib < limitMib) continue
      this.#overloadedSinceMs = 0
      this.#end(member, 'worker holds too much memory and is ended', nowMs, { heldMib })
      this.#onFault(
        'memory',
        this.#suspect(member),
        `worker ${member.index} held ${heldMib} MiB beyond its connections`,
      )
    }
  }

  #end(member: Member, message: string, nowMs: number, fields: object = {}): void {
    this.#options.logger.error(message, { worker: member.index, ...fields })
    member.lastBeatMs = nowMs
    member.isReady = false
    this.#live.add(-1)
    void member.worker?.terminate()
  }

  /** Whose code ran when memory ran out, or ran last. */
  #suspect(member: Member): number {
    return member.vital(Vital.Running) || member.vital(Vital.LastRun)
  }

  #onFault(kind: CodeFault['kind'], module: number, text: string): void {
    this.#options.onFault({ kind, module, text })
  }

  /** It was started before the code that all others run by now. */
  async #catchUp(member: Member): Promise<void> {
    const modules = this.#modules
    const answer = await member.ask({ kind: 'prepare', modules }, PREPARE_MS)
    if (modules === this.#modules) await this.#use(member, answer === '')
  }

  #heapMib(): number {
    const shareMib = this.#options.memoryLimitBytes / MIB / this.#count
    return Math.max(MIN_HEAP_MIB, Math.floor(shareMib * HEAP_PART))
  }
}
