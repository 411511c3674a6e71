import type { Finding, FuzzInput, FuzzProgress, FuzzReport } from '@meltemi/sdk/testing'
import { CommandError } from '../command-error.ts'
import type { FuzzPlan } from './fuzz-task.ts'
import { runProcess } from './run-process.ts'
import { shrinkCrash } from './shrink-crash.ts'

export interface FuzzListener {
  onProgress(progress: FuzzProgress): void
  onFinding(finding: Finding): void
}

/**
 * Fuzzes in a process of its own until the time is over. An input that ends the process is a finding like others, and
 * a new process goes on. Throws a CommandError when it cannot begin.
 */
export function runFuzz(plan: FuzzPlan, listener: FuzzListener): Promise<FuzzReport> {
  return new FuzzRounds(plan, listener).run()
}

/** For loading, and for the shrinking of what was found last; then the process is ended. */
const GRACE_MS = 60_000

/** One round is one process; most runs have one. */
class FuzzRounds {
  readonly #plan: FuzzPlan
  readonly #listener: FuzzListener
  readonly #startedAt = performance.now()
  readonly #findings: Finding[] = []
  #codec = ''
  #inputsBefore = 0
  #progress: FuzzProgress = { inputs: 0, elapsedMs: 0, corpus: 0, lines: 0, findings: 0 }

  constructor(plan: FuzzPlan, listener: FuzzListener) {
    this.#plan = plan
    this.#listener = listener
  }

  async run(): Promise<FuzzReport> {
    const { maxFindings, seed } = this.#plan.options
    for (let round = 0; round < maxFindings && (round === 0 || this.#leftMs > 0); round++) {
      if (await this.#round(round)) break
      this.#inputsBefore = this.#progress.inputs
    }
    return {
      codec: this.#codec,
      ...this.#progress,
      elapsedMs: performance.now() - this.#startedAt,
      seed,
      findings: this.#findings,
    }
  }

  get #leftMs(): number {
    return this.#plan.options.forMs - (performance.now() - this.#startedAt)
  }

  /** Whether all is done. */
  async #round(round: number): Promise<boolean> {
    const { options, findings } = this.#plan
    const maxFindings = options.maxFindings - this.#findings.length
    const plan: FuzzPlan = {
      ...this.#plan,
      // what ended the process before may be among them
      findings: round === 0 ? findings : undefined,
      options: { ...options, maxFindings, forMs: this.#leftMs, seed: options.seed + round },
    }
    const end = await runProcess(plan, {
      limitMs: plan.options.forMs + GRACE_MS,
      onLoaded: (codec) => {
        this.#codec = codec
      },
      onFinding: (finding) => this.#add(finding),
      onProgress: (progress) => this.#advance(progress),
    })
    if (end.kind === 'refused') throw new CommandError(end.lines)
    if (end.kind === 'done') this.#advance({ ...end.report, findings: 0 })
    else if (end.input === undefined) throw new CommandError([`${plan.file} cannot be fuzzed: ${end.what}`])
    else if (!this.#has('crash', end.what)) await this.#addCrash(plan, end.input, end.what)
    return end.kind === 'done' || this.#findings.length >= options.maxFindings
  }

  async #addCrash(plan: FuzzPlan, input: FuzzInput, what: string): Promise<void> {
    const smallest = await shrinkCrash(plan, input, what)
    this.#add({ codec: this.#codec, rule: 'crash', what, detail: '', input: smallest, seed: plan.options.seed })
  }

  #add(finding: Finding): void {
    if (this.#has(finding.rule, finding.what)) return
    this.#findings.push(finding)
    this.#listener.onFinding(finding)
  }

  #has(rule: Finding['rule'], what: string): boolean {
    return this.#findings.some((finding) => finding.rule === rule && finding.what === what)
  }

  #advance(progress: FuzzProgress): void {
    this.#progress = {
      ...progress,
      inputs: this.#inputsBefore + progress.inputs,
      elapsedMs: performance.now() - this.#startedAt,
      findings: this.#findings.length,
    }
    this.#listener.onProgress(this.#progress)
  }
}
