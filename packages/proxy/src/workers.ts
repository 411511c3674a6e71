import { Worker } from 'node:worker_threads'
import { NO_CHANGE } from '@meltemi/api/model'
import type { Counter, Gauge } from '@meltemi/runtime'
import type { ProfileKind } from './admin/inspector.ts'
import { BreakerStats } from './config/breaker-stats.ts'
import { addNames, hasNames, noNames } from './config/live-config.ts'
import { type ThreadPlan, threadsOf } from './config/thread-duty.ts'
import { bufferLimit, type CodeFault, type DataPlane, type DataPlaneOptions } from './data-plane.ts'
import { LiveChanges } from './live-changes.ts'
import type { ModuleVersion } from './modules/module-version.ts'
import type { InheritedSocket } from './net/inheritance.ts'
import { type EndpointStatus, SHED_LEVEL } from './proxy.ts'
import type { ThreadUpdate } from './thread-updates.ts'
import { SharedLimits } from './upstream/shared-limits.ts'
import { Member } from './worker-member.ts'
import { type FromWorker, Vital, type WorkerStart } from './worker-messages.ts'

const CHECK_MS = 100
/** A check that comes later than this says that the whole machine stood still, not the worker. */
const LATE_CHECK_MS = 250
/** Loading code that was tried before takes milliseconds; names of new clusters may take two seconds. */
const PREPARE_MS = 5000
/** A worker takes up to a second. */
const FINISH_MS = 3000
/** To put a profile together, and hand it over. */
const PROFILE_MS = 5000
/** On a busy machine, for each cluster and listener. */
const PREPARE_EACH_MS = 20
/** How often a change is tried anew when all workers end while they prepare it. */
const MAX_TRIES = 3
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

/**
 * `--concurrency N`: N threads share the ports, the limits and the counters; with `--own-thread` there are some that serve
 * one listener each. The dead are replaced.
 */
export class Workers implements DataPlane {
  readonly #options: DataPlaneOptions
  readonly #threads: ThreadPlan
  readonly #count: number
  readonly #limits: SharedLimits
  readonly #changes: LiveChanges
  readonly #breakers: BreakerStats
  readonly #members: Member[] = []
  readonly #restarts: Counter
  readonly #hung: Counter
  readonly #live: Gauge
  readonly #overload: Int32Array
  #modules: readonly ModuleVersion[]
  /** For who waits for a thread that can be asked. */
  #nextReady = Promise.withResolvers<void>()
  #overloadedSinceMs = 0
  #watchdog: NodeJS.Timeout | undefined
  #lastCheckMs = 0
  #isDraining = false
  #isStopping = false

  constructor(options: DataPlaneOptions, threads: ThreadPlan) {
    this.#options = options
    this.#threads = threads
    this.#count = threadsOf(threads)
    this.#limits = new SharedLimits(this.#count)
    this.#breakers = new BreakerStats(options.live, this.#limits, options.metrics)
    this.#changes = new LiveChanges({
      live: options.live,
      limits: this.#limits,
      inheritance: options.inheritance,
      secrets: options.secrets,
      logger: options.logger,
      isShared: true,
      update: (update, commit) => this.#update(update, commit),
    })
    options.secrets.onChange = (materials, removed) => {
      for (const member of this.#members) member.tell({ kind: 'secrets', materials, removed })
    }
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

  /** One that dies from now on is not replaced: its successor would be in the way of the other process. */
  handOver(): Promise<void> {
    this.#isDraining = true
    for (const member of this.#members) member.tell({ kind: 'hand-over' })
    return Promise.resolve()
  }

  async sockets(): Promise<readonly InheritedSocket[]> {
    const answers = await Promise.all(this.#members.map((member) => member.ask({ kind: 'sockets' })))
    return answers.flatMap((answer, index) => {
      if (answer === undefined) throw new Error(`worker ${index} did not answer`)
      return answer as readonly InheritedSocket[]
    })
  }

  get configure(): DataPlane['configure'] {
    return this.#changes.configure
  }

  load(modules: readonly ModuleVersion[], isUrgent: boolean): Promise<void> {
    if (isUrgent) this.#modules = modules
    return this.#changes.inTurn(() => this.#load(modules, isUrgent))
  }

  async finish(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.ask({ kind: 'finish' }, FINISH_MS)))
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

  updateStats(): void {
    this.#breakers.update()
  }

  async profile(kind: ProfileKind, worker: number, durationMs: number): Promise<string | undefined> {
    const question = { kind: 'profile', what: kind, durationMs } as const
    return (await this.#members[worker]?.ask(question, durationMs + PROFILE_MS)) as string | undefined
  }

  async #load(modules: readonly ModuleVersion[], isUrgent: boolean): Promise<void> {
    const answers = await this.#prepare({ modules, change: NO_CHANGE, limits: this.#changes.limits() })
    const refusals = answers.flatMap(({ faults }) => faults ?? ['a worker did not answer'])
    if (refusals.length > 0 && !isUrgent) {
      await discard(answers)
      throw new Error(refusals[0])
    }
    if (!isUrgent) this.#modules = modules
    await Promise.all(answers.map((answer) => this.#use(answer, modules)))
  }

  /** See LiveChanges. */
  async #update(update: ThreadUpdate, commit: () => void): Promise<readonly string[]> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      await this.#someReady()
      // who has ended meanwhile starts again, with whatever comes of this
      const answers = (await this.#prepare(update)).filter(({ member, worker }) => member.worker === worker)
      if (answers.length === 0) continue
      const refusals = answers.flatMap(({ member, faults }) => faults ?? [`worker ${member.index} did not answer`])
      if (refusals.length > 0) {
        await discard(answers)
        return [...new Set(refusals)]
      }
      commit()
      const asked = new Set(answers.map(({ member }) => member))
      for (const member of this.#members) if (!asked.has(member)) addNames(member.missed, update.change)
      await Promise.all(answers.map((answer) => this.#use(answer)))
      for (const member of this.#members) this.#catchUpSoon(member)
      return []
    }
    return ['no worker is there to take it']
  }

  /** Asks all threads that are ready. */
  #prepare(update: ThreadUpdate): Promise<readonly Answer[]> {
    const members = this.#members.filter((member) => member.isReady)
    const timeoutMs = prepareMs(update)
    return Promise.all(
      members.map(async (member) => {
        const { worker } = member
        const faults = await member.ask({ kind: 'prepare', update }, timeoutMs)
        return { member, worker, faults: faults as readonly string[] | undefined }
      }),
    )
  }

  /** In force now; what does not take it is replaced by one that starts with it. `modules`: if they are part of it. */
  async #use({ member, worker, faults }: Answer, modules?: readonly ModuleVersion[]): Promise<void> {
    const isPrepared = faults?.length === 0 && member.worker === worker
    const isUsed = isPrepared && (await member.ask({ kind: 'use' })) === true
    if (isUsed) member.modules = modules ?? member.modules
    else if (member.worker === worker) void worker?.terminate()
  }

  /** Resolves when there is a thread that can be asked, or after a while in any case. */
  async #someReady(): Promise<void> {
    if (this.#isStopping || this.#members.some((member) => member.isReady)) return
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, PREPARE_MS)
    await Promise.race([this.#nextReady.promise, late.promise])
    clearTimeout(timer)
  }

  /** Starts a thread; rejects when it cannot begin to serve. */
  #launch(member: Member): Promise<void> {
    const { live, overload, metrics, logger, inheritance, memoryLimitBytes, drainMs, exporters, secrets } =
      this.#options
    const name = member.begin(this.#modules)
    // of this thread: the member's may be those of another one by then
    const vitals = new Int32Array(member.vitals)
    const start: WorkerStart = {
      ...live.whole(),
      modules: this.#modules,
      threads: this.#threads,
      worker: member.index,
      limits: this.#changes.limits(),
      inheritance: inheritance.shared,
      bufferLimitBytes: bufferLimit(memoryLimitBytes, this.#count),
      ticketKeys: secrets.ticketKeys,
      secrets: secrets.materials,
      drainMs,
      overload,
      vitals: member.vitals,
    }
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MIB, maxOldGenerationSizeMb: this.#heapMib() }
    const worker = new Worker(ENTRY, { workerData: start, name: `meltemi-${member.index}`, resourceLimits })
    member.worker = worker
    const publish = metrics.attach(name)
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'metrics') for (const news of message.news) publish(news)
        else if (message.kind === 'answer') member.answer(message.question, message.value)
        else if (message.kind === 'batch') {
          const { length } = message.batch.bytes
          exporters.take(message.batch, () => Atomics.sub(vitals, Vital.OutletBytes, length))
        } else if (message.kind === 'fault') this.#onFault('threw', message.module, message.text)
        else if (message.kind === 'log')
          logger[message.level](message.message, { worker: member.index, ...message.fields })
        else if (message.kind === 'ready') {
          this.#onReady(member)
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

  #onReady(member: Member): void {
    member.isReady = true
    member.lastBeatMs = performance.now()
    this.#live.add(1)
    this.#nextReady.resolve()
    this.#nextReady = Promise.withResolvers()
    // all of them have told what they hold by now
    if (this.#members.every(({ isReady }) => isReady)) this.#options.metrics.forgetUnheld()
    this.#catchUpSoon(member)
  }

  #onExit(member: Member, worker: Worker): void {
    if (member.worker !== worker) return
    member.gone()
    if (member.isReady) this.#live.add(-1)
    member.isReady = false
    this.#limits.reclaim(member.index)
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

  /** It was started before something that all others have by now. */
  #catchUpSoon(member: Member): void {
    if (!member.isReady || !this.#isBehind(member)) return
    void this.#changes.inTurn(() => this.#catchUp(member))
  }

  async #catchUp(member: Member): Promise<void> {
    if (!member.isReady || !this.#isBehind(member)) return
    const { worker, missed } = member
    const change = this.#options.live.catchUp(missed)
    const modules = member.modules === this.#modules ? undefined : this.#modules
    const limits = modules === undefined ? this.#changes.limits(change) : this.#changes.limits()
    const update = { modules, change, limits }
    const faults = await member.ask({ kind: 'prepare', update }, prepareMs(update))
    member.missed = noNames()
    await this.#use({ member, worker, faults: faults as readonly string[] | undefined }, modules)
  }

  #isBehind({ modules, missed }: Member): boolean {
    return modules !== this.#modules || hasNames(missed)
  }

  #heapMib(): number {
    const shareMib = this.#options.memoryLimitBytes / MIB / this.#count
    return Math.max(MIN_HEAP_MIB, Math.floor(shareMib * HEAP_PART))
  }
}

/** What one thread has said to an update. */
interface Answer {
  readonly member: Member
  /** Who said it: the member's thread may be another by now. */
  readonly worker: Worker | null
  /** undefined: it did not answer. */
  readonly faults: readonly string[] | undefined
}

function prepareMs({ change: { clusters, listeners } }: ThreadUpdate): number {
  return PREPARE_MS + PREPARE_EACH_MS * (clusters.length + listeners.length)
}

async function discard(answers: readonly Answer[]): Promise<void> {
  await Promise.all(answers.map(({ member }) => member.ask({ kind: 'discard' })))
}
