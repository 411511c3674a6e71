import type { CodecDefinition, Side } from '../../codec.ts'
import { Random } from '../random.ts'
import type { Sample } from '../sample.ts'
import { Corpus } from './corpus.ts'
import { Coverage } from './coverage.ts'
import { createDictionary, type Dictionary } from './dictionary.ts'
import type { Outcome } from './examiner.ts'
import type { Fault } from './fault.ts'
import type { Finding } from './finding.ts'
import { type FuzzInput, inputOf } from './fuzz-input.ts'
import { GuardedExaminer } from './guarded-examiner.ts'
import { learnLayout } from './learn-layout.ts'
import { mutate } from './mutate.ts'
import { repair } from './repair.ts'

/** How long to look, what for, and whom to tell. */
export interface FuzzOptions {
  /** How long; 60,000 ms if nothing is said. */
  readonly forMs?: number
  /** Ends after so many inputs even if there is time left: such a run is the same on every machine. */
  readonly inputs?: number
  /** The same seed makes the same inputs of the same samples and codec; 1 if nothing is said. */
  readonly seed?: number
  /** Only what comes from this side. */
  readonly side?: Side | undefined
  /** Findings of earlier runs, to begin with. */
  readonly seeds?: readonly Sample[]
  /** Ends with so many findings; 10 if nothing is said. */
  readonly maxFindings?: number
  /** An input that takes longer hangs; 1000 ms if nothing is said. */
  readonly hangMs?: number
  /** Called before each input is tried: who survives the codec's worst can so tell what it was. */
  readonly onInput?: (input: FuzzInput) => void
  /** Told of each finding when it is as small as it gets. */
  readonly onFinding?: (finding: Finding) => void
  /** Called about five times a second. */
  readonly onProgress?: (progress: FuzzProgress) => void
}

/** How far it has come. */
export interface FuzzProgress {
  /** How many were tried. */
  readonly inputs: number
  /** Since the begin. */
  readonly elapsedMs: number
  /** Inputs that each showed something new. */
  readonly corpus: number
  /** Lines of the codec's modules that have run. */
  readonly lines: number
  /** How many there are. */
  readonly findings: number
}

/** What came of it. */
export interface FuzzReport extends Omit<FuzzProgress, 'findings'> {
  /** Name of the codec. */
  readonly codec: string
  /** With it the same inputs are made again. */
  readonly seed: number
  /** Each another defect, as far as one can tell. */
  readonly findings: readonly Finding[]
}

const BATCH = 256
const PROGRESS_MS = 200
const REPAIRED_ONE_IN = 8
const OTHER_SIDE_ONE_IN = 64
/** Inputs are made in batches, and other work on the machine takes its time too. */
const SLOW_FACTOR = 5
/** Enough to name the place in the codec; only for what is found, since stacks are what errors cost. */
const STACK_FRAMES = 8

/**
 * Looks for inputs that break the contract of a codec: makes new ones of the samples, tries each in all ways that the
 * contract knows, keeps those that showed something new, and makes what fails as small as it can. Runs until the time
 * is over and blocks its thread meanwhile; loops of the codec are ended, but not what uses up all memory. Afterwards the
 * thread is a little slower, since V8 goes on counting what runs.
 */
export function fuzz(definition: CodecDefinition, samples: readonly Sample[], options: FuzzOptions = {}): FuzzReport {
  const stackFrames = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return new FuzzRun(definition, samples, options).run()
  } finally {
    Error.stackTraceLimit = stackFrames
  }
}

class FuzzRun {
  readonly #definition: CodecDefinition
  readonly #samples: readonly Sample[]
  readonly #options: FuzzOptions
  readonly #coverage = new Coverage()
  readonly #seed: number
  readonly #hangMs: number
  readonly #maxInputs: number
  readonly #maxFindings: number
  readonly #random: Random
  readonly #examiner: GuardedExaminer
  readonly #corpus: Corpus
  readonly #findings: Finding[] = []
  readonly #keys = new Set<string>()
  readonly #startedAt = performance.now()
  #dictionary: Dictionary = { numbers: [], texts: [] }
  /** What the codec reads while a layout is learned. */
  #probe: FuzzInput | undefined
  #inputs = 0
  #reportedAt = 0
  /** What the codec keeps outside of its connections is spoilt: nothing that follows would mean anything. */
  #isSpoilt = false

  readonly #onInput = (input: FuzzInput): void => this.#options.onInput?.(input)

  readonly #onProbe = (probe: FuzzInput): void => {
    this.#probe = probe
    this.#onInput(probe)
  }

  constructor(definition: CodecDefinition, samples: readonly Sample[], options: FuzzOptions) {
    this.#definition = definition
    this.#samples = options.side === undefined ? samples : samples.filter(({ side }) => side === options.side)
    this.#options = options
    this.#seed = options.seed ?? 1
    this.#hangMs = options.hangMs ?? 1000
    this.#maxInputs = options.inputs ?? Number.POSITIVE_INFINITY
    this.#maxFindings = options.maxFindings ?? 10
    this.#random = new Random(this.#seed)
    this.#corpus = new Corpus((input) => learnLayout(definition, input, this.#onProbe))
    this.#examiner = new GuardedExaminer(definition, samples, { hangMs: this.#hangMs, onInput: this.#onInput })
    if (this.#samples.length === 0) throw new Error(`${definition.name}: there are no samples to begin with`)
  }

  run(): FuzzReport {
    this.#plantSeeds()
    while (!this.#isOver()) this.#tryBatch()
    const { inputs, elapsedMs, corpus, lines } = this.#progress()
    const codec = this.#definition.name
    return { codec, seed: this.#seed, inputs, elapsedMs, corpus, lines, findings: this.#findings }
  }

  #plantSeeds(): void {
    const { seeds = [], side } = this.#options
    const earlier = seeds.filter((seed) => side === undefined || seed.side === side)
    const inputs = withSharedConfigs([...this.#samples, ...earlier].map(inputOf))
    // who listens to this run is no part of the codec
    this.#coverage.skip()
    this.#onInput(inputs[0] as FuzzInput)
    this.#coverage.ignore()
    for (const [n, { signature, fault }] of this.#examine(inputs).entries()) {
      const input = inputs[n] as FuzzInput
      if (fault === undefined || fault.rule !== 'hang') this.#corpus.addSeed(input, signature)
      if (fault !== undefined) this.#found(input, fault)
    }
    this.#coverage.hasNews(true)
    const learned: FuzzInput[] = []
    for (let n = 0; n < this.#corpus.seeds; n++) this.#guard(() => learned.push(this.#corpus.seed(n)))
    this.#dictionary = createDictionary(this.#coverage.sources, learned)
  }

  #isOver(): boolean {
    const { forMs = 60_000 } = this.#options
    if (this.#isSpoilt || this.#corpus.size === 0 || this.#findings.length >= this.#maxFindings) return true
    return this.#inputs >= this.#maxInputs || performance.now() - this.#startedAt >= forMs
  }

  #tryBatch(): void {
    const inputs = this.#makeInputs(Math.min(BATCH, this.#maxInputs - this.#inputs))
    const outcomes = this.#examine(inputs)
    for (const [n, outcome] of outcomes.entries()) {
      const input = inputs[n] as FuzzInput
      if (outcome.fault !== undefined) this.#found(input, outcome.fault)
      else if (this.#corpus.isNew(outcome.signature)) this.#corpus.add(input, outcome.signature, this.#random)
    }
    if (this.#coverage.hasNews(false)) this.#keepWhatRanNewCode(inputs.filter((_, n) => !outcomes[n]?.fault))
    this.#report()
  }

  #makeInputs(count: number): readonly FuzzInput[] {
    const inputs: FuzzInput[] = []
    this.#guard(() => {
      while (inputs.length < count) inputs.push(this.#makeInput())
    })
    this.#coverage.skip()
    return inputs
  }

  /** Runs what learns about inputs: if the codec hangs meanwhile the input that it hung on is tried by itself. */
  #guard(action: () => void): void {
    this.#probe = undefined
    // generous, so that a slow machine does not lead to other inputs; known loops must not cost as much again
    const limitMs = this.#findings.some(({ rule }) => rule === 'hang') ? this.#hangMs : SLOW_FACTOR * this.#hangMs
    if (this.#examiner.run(limitMs, action) || this.#probe === undefined) return
    const probe: FuzzInput = this.#probe
    const fault = this.#examine([probe])[0]?.fault
    if (fault !== undefined) this.#found(probe, fault)
  }

  #makeInput(): FuzzInput {
    const random = this.#random
    const origin = this.#corpus.pick(random)
    const other = this.#corpus.pickOther(origin, random)
    const input = mutate(origin, { random, dictionary: this.#dictionary, other })
    this.#probe = undefined // a repair runs encode on what was never decoded: a loop there is nobody's fault
    if (random.below(REPAIRED_ONE_IN) === 0) return repair(this.#definition, origin, input) ?? input
    if (this.#options.side !== undefined || random.below(OTHER_SIDE_ONE_IN) > 0) return input
    return { ...input, side: input.side === 'downstream' ? 'upstream' : 'downstream' }
  }

  #examine(inputs: readonly FuzzInput[]): readonly Outcome[] {
    this.#inputs += inputs.length
    return this.#examiner.examine(inputs)
  }

  /** Tries halves of these inputs again, and halves of those that ran new code, down to single ones. */
  #keepWhatRanNewCode(inputs: readonly FuzzInput[]): void {
    const [only, ...more] = inputs
    if (only === undefined) return
    const outcomes = this.#examiner.examine(inputs)
    if (more.length === 0) {
      if (this.#coverage.hasNews(true)) this.#corpus.add(only, outcomes[0]?.signature ?? '', this.#random)
      return
    }
    if (!this.#coverage.hasNews(false)) return
    const half = inputs.length >> 1
    this.#keepWhatRanNewCode(inputs.slice(0, half))
    this.#keepWhatRanNewCode(inputs.slice(half))
  }

  #found(input: FuzzInput, fault: Fault): void {
    Error.stackTraceLimit = STACK_FRAMES
    this.#add(input, fault.rule === 'exception' ? (this.#examiner.faultOf(input) ?? fault) : fault)
    Error.stackTraceLimit = 0
  }

  #add(input: FuzzInput, fault: Fault): void {
    if (this.#keys.has(fault.key) || this.#findings.length >= this.#maxFindings) return
    this.#keys.add(fault.key)
    this.#isSpoilt ||= !this.#examiner.isSound()
    const smallest = this.#isSpoilt ? { input, fault } : this.#examiner.shrink(input, fault)
    const { rule, message: what, detail } = smallest.fault
    const finding: Finding = {
      ...{ codec: this.#definition.name, rule, what, detail },
      ...{ input: smallest.input, seed: this.#seed },
    }
    this.#findings.push(finding)
    this.#options.onFinding?.(finding)
  }

  #report(): void {
    const now = performance.now()
    if (this.#options.onProgress === undefined || now - this.#reportedAt < PROGRESS_MS) return
    this.#reportedAt = now
    this.#options.onProgress(this.#progress())
  }

  #progress(): FuzzProgress {
    return {
      inputs: this.#inputs,
      elapsedMs: performance.now() - this.#startedAt,
      corpus: this.#corpus.size,
      lines: this.#coverage.lines,
      findings: this.#findings.length,
    }
  }
}

/** Options that say the same become the same object, so that inputs can tell whether theirs are equal. */
function withSharedConfigs(inputs: readonly FuzzInput[]): FuzzInput[] {
  const configs = new Map<string, unknown>()
  return inputs.map((input) => {
    const text = JSON.stringify(input.config) ?? ''
    if (!configs.has(text)) configs.set(text, input.config)
    return { ...input, config: configs.get(text) }
  })
}
