import type { Worker } from 'node:worker_threads'
import { type ChangedNames, noNames } from './config/live-config.ts'
import type { ModuleVersion } from './modules/module-version.ts'
import { WorkerDoubt } from './worker-doubt.ts'
import { HEARTBEAT_MS, type Question, type ToWorker, VITAL_CELLS, Vital } from './worker-messages.ts'

const ANSWER_MS = 1000
/** A worker whose event loop has not turned for this long is ended: with detection and restart within a second. */
const HUNG_AFTER_MS = 700
/** From here on it is watched more closely, so that the end can come in time. */
const DOUBT_AFTER_MS = 250
/** One that does not answer and uses no CPU is blocked, or the machine does not let it run: it has more time. */
const BLOCKED_AFTER_MS = 3000
/** A worker that dies sooner than this after its start is restarted with a delay that doubles. */
const STABLE_MS = 10_000
const MAX_RESTART_DELAY_MS = 5000

/** One place among the workers; the thread in it may change. */
export class Member {
  readonly index: number
  worker: Worker | null = null
  isReady = false
  lastBeatMs = 0
  /** What the thread was started with, or told to run since. */
  modules: readonly ModuleVersion[] = []
  /** What of the configuration has changed since, without the thread. */
  missed: ChangedNames = noNames()
  /** The worker's cells. */
  vitals = new SharedArrayBuffer(VITAL_CELLS * Int32Array.BYTES_PER_ELEMENT)
  #cells = new Int32Array(this.vitals)
  #doubt: WorkerDoubt | null = null
  #generation = 0
  #beats = 0
  #startedMs = 0
  #quickDeaths = 0
  #question = 0
  readonly #answers = new Map<number, (value: unknown) => void>()

  constructor(index: number) {
    this.index = index
  }

  /** Prepares for a new thread and returns its name. */
  begin(modules: readonly ModuleVersion[]): string {
    this.vitals = new SharedArrayBuffer(VITAL_CELLS * Int32Array.BYTES_PER_ELEMENT)
    this.#cells = new Int32Array(this.vitals)
    this.modules = modules
    this.missed = noNames()
    this.#beats = 0
    this.isReady = false
    this.#startedMs = performance.now()
    this.lastBeatMs = this.#startedMs
    return `worker-${this.index}.${this.#generation++}`
  }

  hasBeaten(): boolean {
    const beats = Atomics.load(this.#cells, Vital.Beats)
    if (beats === this.#beats) return false
    this.#beats = beats
    return true
  }

  /** It has not answered for so long that it is to be ended. */
  isHung(nowMs: number): boolean {
    const silentMs = nowMs - this.lastBeatMs
    if (this.worker === null || silentMs < DOUBT_AFTER_MS) {
      this.#doubt = null
      return false
    }
    if (!WorkerDoubt.canTell(this.worker)) return silentMs > HUNG_AFTER_MS
    this.#doubt ??= new WorkerDoubt()
    this.#doubt.sample(this.worker)
    return silentMs > (this.#doubt.isRunning ? HUNG_AFTER_MS : BLOCKED_AFTER_MS)
  }

  /** One of the thread's cells, also of a thread that hangs or has just ended. */
  vital(which: number): number {
    return Atomics.load(this.#cells, which)
  }

  restartDelayMs(): number {
    const isStable = performance.now() - this.#startedMs > STABLE_MS
    this.#quickDeaths = isStable ? 0 : this.#quickDeaths + 1
    return this.#quickDeaths <= 1 ? 0 : Math.min(HEARTBEAT_MS * 2 ** this.#quickDeaths, MAX_RESTART_DELAY_MS)
  }

  tell(message: ToWorker): void {
    this.worker?.postMessage(message)
  }

  /** undefined when the worker is not there, ends, or is busy for longer: whoever asks must not wait for it. */
  ask(asked: Question, timeoutMs = ANSWER_MS): Promise<unknown> {
    if (this.worker === null || !this.isReady) return Promise.resolve(undefined)
    const question = ++this.#question
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(question, undefined), timeoutMs)
      this.#answers.set(question, (value) => {
        clearTimeout(timer)
        resolve(value)
      })
      this.tell({ ...asked, question })
    })
  }

  answer(question: number, value: unknown): void {
    const resolve = this.#answers.get(question)
    this.#answers.delete(question)
    resolve?.(value)
  }

  /** The thread has ended: it answers nothing any more. */
  gone(): void {
    this.worker = null
    for (const question of [...this.#answers.keys()]) this.answer(question, undefined)
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
