import { Worker } from 'node:worker_threads'
import type { WholeConfig } from './config/live-config.ts'
import type { ModuleVersion } from './modules/module-version.ts'

const TIMEOUT_MS = 10_000
const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 }
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './probe-main.ts' : './probe-main.js', import.meta.url)

export interface ProbeStart extends WholeConfig {
  /** Without files: it is read from the disk. */
  readonly candidate: ModuleVersion
  /** The others that would be in force beside it. */
  readonly modules: readonly ModuleVersion[]
}

export interface ProbeResult {
  /** The version with all that was read of it, also when it is faulty. */
  readonly version: ModuleVersion
  /** Why it cannot be used; empty: it can. */
  readonly faults: readonly string[]
}

/** Tries versions, each in a thread of its own, which is gone afterwards whatever the module does in it. */
export class Probe {
  /** A thread that is ready for the next one: most of the time goes into starting it. */
  #spare: Worker | undefined

  /** Costs the memory of a thread that waits. */
  keepSpare(): void {
    this.#spare = startThread()
    // nobody listens to it yet, and one that cannot start is found when it is needed
    this.#spare.on('error', () => {})
    this.#spare.unref()
  }

  close(): void {
    void this.#spare?.terminate()
    this.#spare = undefined
  }

  /** Never rejects. */
  async run(start: ProbeStart): Promise<ProbeResult> {
    const spare = this.#spare
    try {
      return await tryIn(spare ?? startThread(), start)
    } finally {
      if (spare !== undefined && this.#spare === spare) this.keepSpare()
    }
  }
}

function startThread(): Worker {
  return new Worker(ENTRY, { name: 'meltemi-probe', resourceLimits, stdout: true, stderr: true })
}

async function tryIn(worker: Worker, start: ProbeStart): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>()
  const fail = (why: string): void => resolve({ version: start.candidate, faults: [why] })
  const timer = setTimeout(() => fail(`it has not finished loading after ${TIMEOUT_MS / 1000} s`), TIMEOUT_MS)
  worker.on('message', resolve)
  worker.on('error', (error: unknown) => {
    fail(error instanceof Error ? `it threw ${error.name}: ${error.message}` : 'it threw')
  })
  worker.on('exit', (code) => fail(`it ended its thread with code ${code}`))
  worker.postMessage(start)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}
