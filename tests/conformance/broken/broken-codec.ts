import type { Codec, CodecDefinition } from '@meltemi/sdk'
import type { Sample } from '@meltemi/sdk/testing'
import { CompleteCodec, complete, completeSamples } from '../complete.ts'

/** A codec that breaks one rule and no other. The line that is to be named ends in the rule's id as a comment. */
export interface BrokenCodec {
  readonly rule: string
  readonly definition: CodecDefinition
  readonly samples: readonly Sample[]
  /** The shortest bytes that show it: what a report should name. */
  readonly input: readonly string[]
}

interface Defect {
  readonly input: readonly string[]
  /** What is written instead of the methods of the right codec; `right` is that one. */
  readonly methods?: (right: Codec) => Partial<Codec>
  /** What is stated instead of the facts of the right definition. */
  readonly facts?: Partial<CodecDefinition>
  readonly samples?: readonly Sample[]
}

export function breakCodec(rule: string, { input, methods, facts, samples = completeSamples }: Defect): BrokenCodec {
  const create: CodecDefinition['create'] = (side, config) => {
    const codec = new CompleteCodec(side, config)
    return methods === undefined ? codec : Object.assign(codec, methods(new CompleteCodec(side, config)))
  }
  return { rule, samples, input, definition: { ...complete, create, ...facts } }
}
