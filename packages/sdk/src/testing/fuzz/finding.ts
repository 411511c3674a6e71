import type { FaultRule } from './fault.ts'
import type { FuzzInput } from './fuzz-input.ts'

/** An input that breaks the contract, as small as could be found in the time for it. */
export interface Finding {
  /** Name of the codec. */
  readonly codec: string
  /** What is broken. */
  readonly rule: FaultRule
  /** What went wrong, in one line. */
  readonly what: string
  /** More about this input, perhaps a stack. */
  readonly detail: string
  /** What the codec was fed with. */
  readonly input: FuzzInput
  /** Of the run that found it. */
  readonly seed: number
}
