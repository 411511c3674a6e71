import type { Worker } from 'node:worker_threads'

/** A thread that runs uses at least this part of a core, even of one that others want too. */
const RUNNING_PART = 0.25
const MIN_SPAN_MS = 200

interface Sample {
  readonly atMs: number
  readonly cpuMs: number
}

/**
 * Tells a thread that loops from one that the machine does not let run: only the first uses CPU. Asking works also
 * while the thread runs JavaScript without end.
 */
export class WorkerDoubt {
  readonly #runningPart: number
  #first: Sample | undefined
  #last: Sample | undefined
  #isAsking = false

  constructor(runningPart = RUNNING_PART) {
    this.#runningPart = runningPart
  }

  /** False: this Node cannot tell. */
  static canTell(worker: Worker): boolean {
    return typeof (worker as Partial<Worker>).cpuUsage === 'function'
  }

  /** To be called again and again while the thread does not answer. */
  sample(worker: Worker): void {
    if (this.#isAsking) return
    this.#isAsking = true
    worker
      .cpuUsage()
      .then(({ user, system }) => {
        this.#isAsking = false
        const sample = { atMs: performance.now(), cpuMs: (user + system) / 1000 }
        this.#first ??= sample
        this.#last = sample
      })
      .catch(() => {
        // it has ended meanwhile, and there is nothing left to tell
      })
  }

  get isRunning(): boolean {
    if (this.#first === undefined || this.#last === undefined) return false
    const spanMs = this.#last.atMs - this.#first.atMs
    return spanMs >= MIN_SPAN_MS && this.#last.cpuMs - this.#first.cpuMs > spanMs * this.#runningPart
  }
}
