import type { CodecDefinition } from '../../codec.ts'
import { TimeLimit } from '../judge/time-limit.ts'
import type { Sample } from '../sample.ts'
import { Examiner, type Outcome } from './examiner.ts'
import { Fault } from './fault.ts'
import type { FuzzInput } from './fuzz-input.ts'
import { isHanging } from './is-hanging.ts'
import { learnLayout } from './learn-layout.ts'
import { shrinking } from './shrink.ts'

/** What each input of a batch adds to the time that the batch may take. */
const INPUT_MS = 4
const MAX_SHRINK_TRIES = 4000
const MAX_SHRINK_MS = 5000
/** While a hanging input is made smaller, so that this ends. */
const SHRINK_HANG_MS = 30

export interface GuardOptions {
  /** An input that takes longer hangs. */
  readonly hangMs: number
  /** Called before each input is tried. */
  readonly onInput: (input: FuzzInput) => void
}

/** Tries inputs, ends those that hang, and makes smaller what fails. */
export class GuardedExaminer {
  readonly #definition: CodecDefinition
  readonly #options: GuardOptions
  readonly #examiner: Examiner
  readonly #timeLimit = new TimeLimit()

  constructor(definition: CodecDefinition, samples: readonly Sample[], options: GuardOptions) {
    this.#definition = definition
    this.#options = options
    this.#examiner = new Examiner(definition, samples)
  }

  /** The outcome of each. They share one time limit, for that is what a limit costs; who exceeds it is tried alone. */
  examine(inputs: readonly FuzzInput[]): readonly Outcome[] {
    const { hangMs } = this.#options
    const outcomes: Outcome[] = []
    const examineNext = (): void => {
      const input = inputs[outcomes.length]
      if (input !== undefined) outcomes.push(this.#examine(input))
    }
    const examineAll = (): void => {
      while (outcomes.length < inputs.length) examineNext()
    }
    while (outcomes.length < inputs.length) {
      if (this.run(hangMs + INPUT_MS * inputs.length, examineAll)) break
      if (isHanging(this.#timeLimit, hangMs, examineNext)) outcomes.push(hangOutcome(hangMs))
    }
    return outcomes
  }

  /** What is wrong with an input that is not expected to hang. */
  faultOf(input: FuzzInput): Fault | undefined {
    let fault: Fault | undefined
    this.run(this.#options.hangMs, () => {
      fault = this.#examine(input).fault
    })
    return fault
  }

  /** The smallest input with the same fault that is found in some seconds. */
  shrink(input: FuzzInput, fault: Fault): { input: FuzzInput; fault: Fault } {
    const search = shrinking(this.#withLayout(input))
    const until = performance.now() + MAX_SHRINK_MS
    let best = { input, fault }
    let step = search.next()
    for (let tries = 0; !step.done && tries < MAX_SHRINK_TRIES && performance.now() < until; tries++) {
      const found = fault.rule === 'hang' ? this.#hangOf(step.value) : this.faultOf(step.value)
      const isAlike = found?.key === fault.key
      if (isAlike && found !== undefined) best = { input: step.value, fault: found }
      step = search.next(isAlike)
    }
    return best
  }

  /** Whether connections still read what they always read. */
  isSound(): boolean {
    let isSound = false
    this.run(this.#options.hangMs, () => {
      isSound = this.#examiner.isSound()
    })
    return isSound
  }

  /** Whether `action` came to its end in time. */
  run(limitMs: number, action: () => void): boolean {
    return this.#timeLimit.run(limitMs, action)
  }

  #examine(input: FuzzInput): Outcome {
    this.#options.onInput(input)
    return this.#examiner.examine(input)
  }

  #hangOf(input: FuzzInput): Fault | undefined {
    const hangs = isHanging(this.#timeLimit, SHRINK_HANG_MS, () => this.#examine(input))
    return hangs ? hangFault(this.#options.hangMs) : undefined
  }

  #withLayout(input: FuzzInput): FuzzInput {
    let { layout } = input
    this.run(this.#options.hangMs, () => {
      layout = learnLayout(this.#definition, input, this.#options.onInput)
    })
    return { ...input, layout }
  }
}

function hangFault(hangMs: number): Fault {
  return new Fault('hang', `it has not ended after ${hangMs} ms`)
}

function hangOutcome(hangMs: number): Outcome {
  const fault = hangFault(hangMs)
  return { fault, signature: fault.key }
}
