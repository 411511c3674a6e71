import type { Sample } from '../sample.ts'
import { type Fault, faultOf, NO_INPUT, type Rule } from './rule.ts'
import { shrink } from './shrink.ts'
import type { Subject } from './subject.ts'
import type { TimeLimit } from './time-limit.ts'

/** Of a rule's time, for the search for a shorter input. */
const SHRINK_SHARE = 1 / 2
/** Of a rule's time, to say of the call that was ended by force that it would not have returned. */
const HUNG_SHARE = 1 / 2
/** Of a rule's time, to say of a shorter input that the codec does not return either. */
const HANG_SHARE = 1 / 40

/** An input and what is wrong with it. */
export interface Finding {
  readonly input: Sample
  readonly fault: Fault
}

/** One rule on one codec. What is known survives when the codec does not return and is ended by force. */
export class Trial {
  finding: Finding | undefined
  /** Why the rule does not apply. */
  reason: string | undefined
  hasHung = false
  readonly #subject: Subject
  readonly #rule: Rule
  readonly #timeLimit: TimeLimit
  #input: Sample = NO_INPUT

  constructor(subject: Subject, rule: Rule, timeLimit: TimeLimit) {
    this.#subject = subject
    this.#rule = rule
    this.#timeLimit = timeLimit
  }

  /** Tries one input after the other until one has a fault, and looks for the shortest that has it. */
  run(limitMs: number): void {
    if (!this.#timeLimit.run(limitMs, () => this.#tryAll())) this.#late(limitMs)
    else if (this.finding !== undefined) this.#timeLimit.run(limitMs * SHRINK_SHARE, () => this.#shrinkFault())
  }

  /** It was ended by force: in a call that took most of the time, or in one of very many. */
  #late(limitMs: number): void {
    const { method, fed, calledMs } = this.#subject
    this.hasHung = performance.now() - calledMs > limitMs * HUNG_SHARE
    if (!this.hasHung) {
      const message = `the rule was not done within ${limitMs / 1000} s: the codec is slow, or the samples are large`
      this.finding = { input: this.#input, fault: { method, message } }
      return
    }
    // what was decoded last is what does not end
    const bytes = fed.length > 0 ? Buffer.concat(fed) : this.#input.bytes
    const message = `${method} did not return within ${limitMs / 1000} s`
    this.finding = { input: { ...this.#input, bytes }, fault: { method, message } }
    this.#shrinkHang(limitMs)
  }

  #tryAll(): void {
    const inputs = this.#inputs()
    if (typeof inputs === 'string') {
      this.reason = inputs
      return
    }
    this.reason = 'there is no sample for it'
    for (const input of inputs) {
      this.reason = undefined
      this.#input = input
      const fault = this.#check(input)
      if (fault === undefined) continue
      this.finding = { input, fault }
      return
    }
  }

  #inputs(): Iterable<Sample> | string {
    try {
      return this.#rule.inputs(this.#subject)
    } catch (error: unknown) {
      this.finding = { input: NO_INPUT, fault: faultOf(error) }
      return []
    }
  }

  #check(input: Sample): Fault | undefined {
    try {
      return this.#rule.check(this.#subject, input)
    } catch (error: unknown) {
      return faultOf(error)
    }
  }

  #shrinkFault(): void {
    // before D1 nothing is known of messages
    if (this.#rule.needs.every((id) => id === 'F1')) return
    const isOfMessages = this.#rule.takesAnyBytes !== true
    this.#search(true, (input) => {
      if (isOfMessages && !isMessages(this.#subject, input)) return undefined
      return this.#check(input)
    })
  }

  #shrinkHang(limitMs: number): void {
    const deadlineMs = performance.now() + limitMs * SHRINK_SHARE
    const fault = this.finding?.fault
    this.#search(false, (input) => {
      if (performance.now() > deadlineMs) return undefined
      return this.#timeLimit.run(limitMs * HANG_SHARE, () => this.#repeat(input)) ? undefined : fault
    })
  }

  /** Does again what has hung: to decode is much quicker than all that a rule does. */
  #repeat(input: Sample): void {
    const isDecode = this.finding?.fault.method === 'decode'
    if (isDecode) this.#subject.tryDecode(input)
    else this.#check(input)
  }

  #search(mayDecode: boolean, faultWith: (input: Sample) => Fault | undefined): void {
    if (this.finding === undefined) return
    shrink(this.#subject, {
      input: this.finding.input,
      mayDecode,
      accepts: (input) => {
        const fault = faultWith(input)
        if (fault !== undefined) this.finding = { input, fault }
        return fault !== undefined
      },
    })
  }
}

function isMessages(subject: Subject, { messages, ...sample }: Sample): boolean {
  const found = subject.tryDecode(sample)
  return typeof found !== 'string' && found.length === (messages ?? 1)
}
