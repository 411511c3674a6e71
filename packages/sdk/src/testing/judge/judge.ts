import type { Codec, CodecDefinition } from '../../codec.ts'
import { RULES } from '../rules/rules.ts'
import type { Sample } from '../sample.ts'
import { type CodePlace, findCodePlace } from './code-place.ts'
import type { Outcome, Report, RuleFailure } from './report.ts'
import type { Fault, Rule } from './rule.ts'
import { type Effort, Subject } from './subject.ts'
import { TimeLimit } from './time-limit.ts'
import { type Finding, Trial } from './trial.ts'

/** What is tried, how much of it, and whom to tell. */
export interface JudgeOptions extends Partial<Effort> {
  /** Ids of the rules to try, and with them those that they rest on; all rules, if not said. */
  readonly rules?: readonly string[]
  /** Milliseconds that a rule may take before it counts as failed. */
  readonly ruleLimitMs?: number
  /** Told of each outcome when it is known. */
  readonly onOutcome?: (outcome: Outcome) => void
}

const DEFAULTS = { seed: 1, garbageInputs: 2000, pipelined: 300, messages: 16_000, ruleLimitMs: 20_000 } as const

/**
 * Tries a codec against the rules. Samples should be of both sides and of every type of message; what they do not show
 * is not judged, and reported as not applicable. Never throws for what the codec does, not even when it does not
 * return; throws RangeError for the id of a rule that does not exist.
 */
export function judge(definition: CodecDefinition, samples: readonly Sample[], options: JudgeOptions = {}): Report {
  const judgement = new Judgement(definition, samples, options)
  const outcomes = chooseRules(options.rules).map((rule) => {
    const outcome = judgement.outcomeOf(rule)
    options.onOutcome?.(outcome)
    return outcome
  })
  return { codec: String(definition.name), outcomes }
}

/** These rules and those that they rest on, in order; all rules for undefined. Throws RangeError for an unknown id. */
export function chooseRules(ids: readonly string[] | undefined): readonly Rule[] {
  if (ids === undefined) return RULES
  const chosen = new Set<Rule>()
  const choose = (id: string): void => {
    const rule = ruleOf(id)
    chosen.add(rule)
    rule.needs.forEach(choose)
  }
  ids.forEach(choose)
  return RULES.filter((rule) => chosen.has(rule))
}

function ruleOf(id: string): Rule {
  const rule = RULES.find((one) => one.id === id)
  if (rule === undefined) throw new RangeError(`there is no rule ${id}`)
  return rule
}

/** The rules on one codec, each tried once, when somebody asks for its outcome. */
export class Judgement {
  readonly #definition: CodecDefinition
  readonly #subject: Subject
  readonly #limitMs: number
  readonly #timeLimit = new TimeLimit()
  readonly #outcomes = new Map<Rule, Outcome>()
  /** The rule in which the codec did not return: with the others it would take as long again. */
  #hungIn: string | undefined

  constructor(definition: CodecDefinition, samples: readonly Sample[], options: JudgeOptions = {}) {
    const { ruleLimitMs, ...effort } = { ...DEFAULTS, ...options }
    this.#definition = definition
    this.#subject = new Subject(definition, samples, effort)
    this.#limitMs = ruleLimitMs
  }

  outcomeOf(rule: Rule): Outcome {
    const known = this.#outcomes.get(rule)
    if (known !== undefined) return known
    const outcome = this.#judge(rule)
    this.#outcomes.set(rule, outcome)
    return outcome
  }

  #judge(rule: Rule): Outcome {
    const name = { id: rule.id, title: rule.title }
    for (const id of rule.needs) {
      const { kind } = this.outcomeOf(ruleOf(id))
      if (kind === 'fail') return { ...name, kind: 'not-run', reason: `it rests on ${id}, which fails` }
      if (kind === 'not-run') return { ...name, kind: 'not-run', reason: `it rests on ${id}, which was not run` }
    }
    if (this.#hungIn !== undefined) {
      return { ...name, kind: 'not-run', reason: `the codec did not return in ${this.#hungIn}` }
    }
    const trial = new Trial(this.#subject, rule, this.#timeLimit)
    trial.run(this.#limitMs)
    if (trial.hasHung) this.#hungIn = rule.id
    if (trial.finding === undefined) {
      return trial.reason === undefined
        ? { ...name, kind: 'pass' }
        : { ...name, kind: 'not-applicable', reason: trial.reason }
    }
    return { ...name, kind: 'fail', failure: this.#failure(trial.finding) }
  }

  #failure({ input, fault }: Finding): RuleFailure {
    const hasInput = input.bytes.length > 0
    const chunks = fault.chunks ?? (hasInput ? [input.bytes] : [])
    return {
      message: fault.message,
      sample: input.name === '' ? undefined : input.name,
      side: hasInput ? input.side : undefined,
      config: input.config,
      input: chunks.map((chunk) => chunk.toString('hex')),
      place: this.#placeOf(input, fault),
    }
  }

  #placeOf({ config }: Sample, fault: Fault): CodePlace | undefined {
    return findCodePlace(this.#definition, fault.method === 'create' ? undefined : this.#tryCreate(config), fault)
  }

  #tryCreate(config: unknown): Codec | undefined {
    try {
      return this.#definition.create('downstream', config)
    } catch {
      // without these options there is none: then create is the place
      return undefined
    }
  }
}
