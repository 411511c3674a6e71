import type { Codec, CodecDefinition, Side } from '../../codec.ts'
import { type Metadata, Mutation } from '../../index.ts'
import { BrokenContract, MessageReader } from '../message-reader.ts'
import { type Sample, written } from '../sample.ts'
import { count } from './compare-messages.ts'
import { type CodecMethod, CodecThrew, guardCodec, runGuarded } from './guard-codec.ts'

/** How much is tried where there is no end of what could be. */
export interface Effort {
  /** Of all random choices. */
  readonly seed: number
  /** Random and damaged inputs. */
  readonly garbageInputs: number
  /** How often a sample is repeated on one connection. */
  readonly pipelined: number
  /** How many messages one connection gets before it is asked what it keeps of them. */
  readonly messages: number
}

/** The codec that is judged, with its samples, and what rules do with both. Exceptions of the codec come as CodecThrew. */
export class Subject {
  readonly definition: CodecDefinition
  /** The shortest first, so that what is found first is short. */
  readonly samples: readonly Sample[]
  readonly effort: Effort
  readonly #facts = new WeakMap<Sample, Map<string, unknown>>()
  /** What was called last. */
  method: CodecMethod = 'create'
  calledMs = 0
  /** What the newest connection has been fed with, for a codec that does not return. */
  fed: Buffer[] = []

  constructor(definition: CodecDefinition, samples: readonly Sample[], effort: Effort) {
    this.definition = definition
    this.samples = samples.toSorted((a, b) => weightOf(a) - weightOf(b))
    this.effort = effort
  }

  run<T>(method: CodecMethod, action: () => T): T {
    return runGuarded(method, this, action)
  }

  /** The codec of a new connection. */
  create(side: Side, config: unknown): Codec {
    return guardCodec(
      this.run('create', () => this.definition.create(side, config)),
      this,
    )
  }

  /** The codec that writes on what comes from the side of this sample: another one than the one that decodes it. */
  writer({ side, config }: Sample): Codec {
    return this.create(opposite(side), config)
  }

  /** A new connection on which bytes like those of this sample come. */
  reader({ side, config }: Sample, maxMessageBytes?: number): MessageReader {
    const reader = new MessageReader(this.create(side, config), side, maxMessageBytes)
    const push = reader.push.bind(reader)
    const fed: Buffer[] = []
    this.fed = fed
    reader.push = (chunk) => {
      fed.push(chunk)
      return push(chunk)
    }
    return reader
  }

  /** The messages that come out of these pieces on a new connection. */
  feed(sample: Sample, chunks: readonly Buffer[]): Metadata[] {
    const reader = this.reader(sample)
    return chunks.flatMap((chunk) => reader.push(chunk))
  }

  /** The messages of a sample, in one piece. */
  decode(sample: Sample): Metadata[] {
    return this.feed(sample, [Buffer.from(sample.bytes)])
  }

  /** Reads what somebody wrote: all of it as whole messages, or in words why it is not that. */
  tryDecode(sample: Sample): Metadata[] | string {
    try {
      const reader = this.reader(sample)
      const found = reader.push(Buffer.from(sample.bytes))
      if (reader.buffer.length === 0) return found
      return `it is ${count(found.length, 'message')}, and ${reader.buffer.length} bytes are left over`
    } catch (error: unknown) {
      if (error instanceof CodecThrew || error instanceof BrokenContract) return error.message
      throw error
    }
  }

  /** The same by the peer that has sent this sample, for whom it is the answer; where the service greets, after its greeting. */
  tryAnswer(sample: Sample, bytes: Buffer): Metadata[] | string {
    const { config } = sample
    const answer: Sample = { name: `answer to ${sample.name}`, side: opposite(sample.side), config, bytes }
    const greeting = this.#greetingFor(answer)
    if (greeting === undefined) return this.tryDecode(answer)
    const found = this.tryDecode({ ...answer, bytes: Buffer.concat([greeting.bytes, bytes]) })
    return typeof found === 'string' ? found : found.slice(greeting.messages ?? 1)
  }

  /** What must have come before, to be understood: a sample that comes only once. */
  #greetingFor({ side, config }: Sample): Sample | undefined {
    if (this.definition.greeting !== 'server' || side !== 'upstream') return undefined
    return this.samples.find((one) => one.side === side && one.once === true && isSameConfig(one.config, config))
  }

  /** What a new codec makes of a message that came with this sample. */
  encode(sample: Sample, message: Metadata, mutation: Mutation = Mutation.none): Buffer {
    const codec = this.writer(sample)
    return written((out) => codec.encode(message, mutation, out))
  }

  /** What was found out about a sample, once. */
  know<T>(sample: Sample, what: string, findOut: () => T): T {
    const facts = this.#facts.get(sample) ?? new Map<string, unknown>()
    this.#facts.set(sample, facts)
    if (!facts.has(what)) facts.set(what, findOut())
    return facts.get(what) as T
  }

  /** The samples with at least one such message; without any the reason why a rule has nothing to say. */
  samplesWith(reason: string, has: (message: Metadata, sample: Sample) => boolean): readonly Sample[] | string {
    const chosen = this.samples.filter((sample) => this.decode(sample).some((message) => has(message, sample)))
    return chosen.length > 0 ? chosen : reason
  }
}

/** Options are more to look at, too. */
function weightOf({ bytes, config }: Sample): number {
  return bytes.length + (config === undefined ? 0 : 1 / 2)
}

export function opposite(side: Side): Side {
  return side === 'downstream' ? 'upstream' : 'downstream'
}

/** Options are plain JSON. */
export function isSameConfig(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
