import { getHeapStatistics } from 'node:v8'
import type { CodecDefinition } from '../../codec.ts'
import type { Metadata } from '../../index.ts'
import { differenceOfAll } from '../judge/compare-messages.ts'
import { findFactFault } from '../judge/message-facts.ts'
import { TimeLimit } from '../judge/time-limit.ts'
import { Random } from '../random.ts'
import type { Sample } from '../sample.ts'
import { checkMutation } from './check-mutation.ts'
import { checkBeside, checkDetect, checkLimit, checkSplits, checkState, maxReadsOf } from './check-reading.ts'
import { checkErrorReplies, checkHooks } from './check-replies.ts'
import { checkDialect, checkEncode, checkIds, checkTimeout } from './check-writing.ts'
import { Fault, shapeOf } from './fault.ts'
import { type FuzzInput, hashOf, inputOf } from './fuzz-input.ts'
import { type Connection, MAX_MESSAGE_BYTES, type Reading, readConnection } from './read-connection.ts'
import type { CodecTraits, Trial } from './trial.ts'
import { readsFault, Watch, watchedBuffer } from './watch.ts'

/** Of an input with more messages the first ones are tried in every way. */
const MAX_TRIED_MESSAGES = 16
/** What the codec may hold for an input, besides so many times its bytes. */
const MAX_GROWTH_BYTES = 2 * 1024 * 1024
const MAX_GROWTH_FACTOR = 64
/** Other threads and the engine itself allocate too: only what comes each time is the codec's. */
const GROWTH_TRIES = 3
const MAX_KNOWN_BYTES = 512
/** To read one of them, on a slow machine. */
const KNOWN_MS = 2000

const CHECKS: readonly ((trial: Trial) => void)[] = [
  checkSplits,
  checkBeside,
  checkLimit,
  checkState,
  checkDetect,
  checkDialect,
  checkEncode,
  checkIds,
  checkTimeout,
  checkMutation,
  checkErrorReplies,
  checkHooks,
]

interface Known {
  readonly input: FuzzInput
  readonly messages: readonly Metadata[]
}

export interface Outcome {
  readonly fault: Fault | undefined
  /** Equal for inputs that the codec treats much the same. */
  readonly signature: string
}

/** Tries one input after the other in all the ways that the contract knows. The same input has the same outcome. */
export class Examiner {
  readonly #traits: CodecTraits
  /** Right bytes, and what they said before anything else was read. */
  readonly #known: readonly Known[]
  readonly #watch = new Watch()
  readonly #buffer = watchedBuffer(this.#watch, MAX_MESSAGE_BYTES)

  /** With the samples it sees whether connections disturb each other. */
  constructor(definition: CodecDefinition, samples: readonly Sample[]) {
    const timeLimit = new TimeLimit()
    this.#known = samples.flatMap((sample) => knownOf(definition, sample, timeLimit))
    this.#traits = {
      definition,
      isStateless: !samples.some((sample) => sample.once === true),
      hasIdless: samples.some((sample) => sample.ids === false),
      greetings: samples.filter(({ side, once }) => definition.greeting === 'server' && side === 'upstream' && once),
    }
  }

  /** Tries one input in every way. Does not return when the codec does not: `fuzz` ends such loops. */
  examine(input: FuzzInput): Outcome {
    try {
      const reading = this.#tryAll(input)
      return { fault: undefined, signature: signatureOf(reading) }
    } catch (error: unknown) {
      if (!(error instanceof Fault)) throw error
      return { fault: error, signature: error.key }
    }
  }

  /** Whether connections still read what they always read. */
  isSound(): boolean {
    try {
      return this.#known.every((_, n) => this.#otherDifference(n) === undefined)
    } catch {
      return false // what was read once is not even read
    }
  }

  #tryAll(input: FuzzInput): Reading {
    const hash = hashOf(input.bytes)
    const chunk = Buffer.from(input.bytes)
    const reading = this.#readWhole(input, chunk)
    for (const message of reading.messages) checkFacts(message)
    const { messages, codec } = reading
    const trial: Trial = {
      ...this.#traits,
      ...{ input, reading, codec, messages: messages.slice(0, MAX_TRIED_MESSAGES) },
      other: this.#known[hash % this.#known.length]?.input,
      random: new Random(hash),
    }
    for (const check of CHECKS) check(trial)
    if (!chunk.equals(input.bytes)) throw new Fault('immutable', 'bytes that were received have been changed')
    this.#checkOthers(hash)
    return reading
  }

  #readWhole(input: FuzzInput, chunk: Buffer): Connection {
    for (let tries = 1; ; tries++) {
      const before = heldBytes()
      const reading = this.#readOnce(input, chunk)
      const grownBytes = heldBytes() - before
      if (grownBytes <= maxGrowthOf(chunk)) return reading
      if (tries < GROWTH_TRIES) continue
      const detail = `${grownBytes} bytes for an input of ${chunk.length}`
      throw new Fault('memory', 'decode takes much more memory than it was sent bytes', detail)
    }
  }

  #readOnce(input: FuzzInput, chunk: Buffer): Connection {
    const watch = this.#watch
    const buffer = this.#buffer
    buffer.clear()
    watch.restart(maxReadsOf(chunk.length))
    const reading = readConnection(this.#traits.definition, input, [chunk], { buffer, watch })
    if (watch.reads > watch.maxReads) throw readsFault(watch)
    return reading
  }

  /** A connection that is none of this input's business reads what it always reads. */
  #checkOthers(hash: number): void {
    const difference = this.#otherDifference(hash % this.#known.length)
    if (difference === undefined) return
    throw new Fault('state', 'another connection reads a sample otherwise after this one', difference)
  }

  #otherDifference(n: number): string | undefined {
    const known = this.#known[n]
    if (known === undefined) return undefined
    const { messages } = readConnection(this.#traits.definition, known.input, [Buffer.from(known.input.bytes)])
    return differenceOfAll(known.messages, messages)
  }
}

function signatureOf({ messages, refusal, left }: Reading): string {
  const end = refusal === undefined ? (left > 0 ? 'waits' : 'whole') : shapeOf(refusal).slice(0, 80)
  return `${Math.min(messages.length, 2)} ${kindOf(messages.at(-1))} ${end}`
}

/** Long samples cost too much to be read after every input; what fails or hangs is found when it is tried. */
function knownOf(definition: CodecDefinition, sample: Sample, timeLimit: TimeLimit): Known[] {
  if (sample.bytes.length > MAX_KNOWN_BYTES) return []
  const input = inputOf(sample)
  const known: Known[] = []
  try {
    timeLimit.run(KNOWN_MS, () => {
      known.push({ input, messages: readConnection(definition, input, [Buffer.from(input.bytes)]).messages })
    })
  } catch {
    return []
  }
  return known
}

function checkFacts(message: Metadata): void {
  const fault = findFactFault(message)
  if (fault !== undefined) throw new Fault('facts', fault)
}

function maxGrowthOf(chunk: Buffer): number {
  return MAX_GROWTH_BYTES + MAX_GROWTH_FACTOR * chunk.length
}

function heldBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

function kindOf(message: Metadata | undefined): string {
  if (message === undefined) return ''
  const { type, status, last, affinity, size, headerSize, bodySize, streamId, timeoutMs, idempotent } = message
  const sizes = `${Math.min(size, 3)} ${classOf(headerSize)} ${classOf(bodySize)}`
  return `${type} ${status} ${last} ${affinity} ${sizes} ${streamId > 0} ${timeoutMs > 0} ${idempotent}`
}

/** 0, short or long. */
function classOf(bytes: number): number {
  return Math.min(bytes, 1) + (bytes >> 8 > 0 ? 1 : 0)
}
