import { BrokenContract } from '../message-reader.ts'
import type { Sample } from '../sample.ts'
import { type CodecMethod, CodecThrew } from './guard-codec.ts'
import type { Subject } from './subject.ts'

/** What a rule found wrong with one input. */
export interface Fault {
  readonly message: string
  /** Who is to blame. */
  readonly method: CodecMethod
  /** The bytes in the pieces in which they came; those of the input in one piece, if not said. */
  readonly chunks?: readonly Buffer[]
  /** What the codec threw, if it did. */
  readonly thrown?: unknown
}

/** One thing that every codec must hold. */
export interface Rule {
  /** A letter for what it is about and a number; never given to another rule. */
  readonly id: string
  /** One sentence, which holds for codecs that are right. */
  readonly title: string
  /** What must hold, and why. */
  readonly about: string
  /** Rules without which this one says nothing: when one of them fails, this one is not run. */
  readonly needs: readonly string[]
  /** The inputs need not be messages: while looking for a shorter one any bytes will do. */
  readonly takesAnyBytes?: true
  /** What is tried, the shortest first; or the reason why the rule does not apply to this codec. */
  inputs(subject: Subject): Iterable<Sample> | string
  /** What is wrong with this input, if anything. What the codec throws (CodecThrew, BrokenContract) is a fault too. */
  check(subject: Subject, input: Sample): Fault | undefined
}

/** The input of rules that need none. */
export const NO_INPUT: Sample = { name: '', side: 'downstream', bytes: Buffer.alloc(0) }

/** The fault that such an exception is; throws everything else again. */
export function faultOf(error: unknown, chunks?: readonly Buffer[]): Fault {
  const input = chunks === undefined ? {} : { chunks }
  if (error instanceof BrokenContract) return { method: 'decode', message: error.message, ...input }
  if (error instanceof CodecThrew)
    return { method: error.method, message: error.message, thrown: error.cause, ...input }
  throw error
}
