import { Worker } from 'node:worker_threads'
import { chooseRules, type Outcome, type Report, type Rule } from '@meltemi/sdk/testing'
import { CommandError } from '../command-error.ts'
import type { JudgeAnswer, JudgeTask } from './judge-task.ts'

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './judge-thread.ts' : './judge-thread.js', import.meta.url)
/** Enough for the judge, and soon used up by a codec that takes memory without end. */
const MAX_HEAP_MIB = 512
/** To load the codec and its samples. */
const LOAD_MS = 30_000
/** Beyond the time of a rule, in which the thread should have ended it by itself. */
const GRACE_MS = 10_000

/**
 * Judges a codec in a thread of its own. A codec that ends the thread, or that cannot be interrupted, fails the rule
 * that was being tried. Throws a CommandError when there is nothing to judge.
 */
export function runJudge(task: JudgeTask): Promise<Report> {
  return new JudgeRun(task).run()
}

class JudgeRun {
  readonly #task: JudgeTask
  readonly #worker: Worker
  #outcomes: readonly Outcome[] = []
  readonly #ended = Promise.withResolvers<Report>()
  #codec: string | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(task: JudgeTask) {
    this.#task = task
    this.#worker = new Worker(ENTRY, {
      workerData: task,
      name: 'meltemi-judge',
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
    })
  }

  async run(): Promise<Report> {
    const worker = this.#worker
    worker.on('message', (message: JudgeAnswer) => this.#onAnswer(message))
    worker.on('error', (error) => this.#over(`ended its thread: ${error.message}`))
    worker.on('exit', (code) => this.#over(`ended its thread with exit code ${code}`))
    this.#expectWithin(LOAD_MS)
    try {
      return await this.#ended.promise
    } finally {
      clearTimeout(this.#timer)
      await worker.terminate()
    }
  }

  #onAnswer(answer: JudgeAnswer): void {
    // a rule takes its time twice: to fail, and to find a short input
    this.#expectWithin(2 * this.#task.ruleLimitMs + GRACE_MS)
    if (answer.kind === 'refused') this.#ended.reject(new CommandError(answer.lines))
    else if (answer.kind === 'ready') this.#codec = answer.codec
    else if (answer.kind === 'outcome') this.#outcomes = [...this.#outcomes, answer.outcome]
    else this.#ended.resolve(this.#report())
  }

  #expectWithin(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#over(`did nothing for ${ms / 1000} s and could not be interrupted`), ms)
  }

  /** The thread says nothing more: the rule that comes next is to blame, and those behind it have no outcome. */
  #over(what: string): void {
    if (this.#codec === undefined) {
      this.#ended.reject(new CommandError([`${this.#task.file} cannot be judged: it ${what}`]))
      return
    }
    const [failed, ...others] = chooseRules(this.#task.rules).slice(this.#outcomes.length)
    const names = others.map(({ id, title }) => ({ id, title }))
    const reason = `the codec ${what} in ${failed?.id}`
    this.#outcomes = [
      ...this.#outcomes,
      ...(failed === undefined ? [] : [failedBy(failed, `the codec ${what}`)]),
      ...names.map((name): Outcome => ({ ...name, kind: 'not-run', reason })),
    ]
    this.#ended.resolve(this.#report())
  }

  #report(): Report {
    return { codec: this.#codec ?? '', outcomes: this.#outcomes }
  }
}

function failedBy({ id, title }: Rule, message: string): Outcome {
  const unknown = { sample: undefined, side: undefined, config: undefined, input: [], place: undefined }
  return { id, title, kind: 'fail', failure: { message, ...unknown } }
}
