/** What the judge is fed with, and the same for tests of one's own. */

import { AssertionError } from 'node:assert'
import type { CodecDefinition, Side } from '../codec.ts'
import { ByteWriter, type MessageId, type Metadata } from '../index.ts'
import { propertiesOf } from './judge/compare-messages.ts'
import { MessageReader } from './message-reader.ts'

/** Bytes that are right: whole messages, as the first of a connection. */
export interface Sample {
  /** For messages of the judge; best another for each sample. */
  readonly name: string
  /** `downstream`: what a client sends; `upstream`: what a service sends. */
  readonly side: Side
  /** All of them, none besides. */
  readonly bytes: Buffer
  /** How many messages these bytes are; 1 if not said. */
  readonly messages?: number
  /** The codec's options for this sample. */
  readonly config?: unknown
  /** Only as the first of a connection do these bytes mean this: they are not repeated, and nothing follows them. */
  readonly once?: boolean
  /** Properties that a Mutation can change and remove; adding is tried with a new one. */
  readonly changeable?: readonly string[]
  /** False: this message cannot carry a Mutation although others can. */
  readonly mutable?: boolean
  /** False: this message has no place for an id although others have. */
  readonly ids?: boolean
}

/** All a codec said of a message, to compare by deepEqual and to print. */
export interface Facts {
  /** A MessageType. */
  readonly type: number
  /** A ResponseStatus. */
  readonly status: number
  /** As in Metadata, and so are those that follow. */
  readonly requestId: MessageId
  /** 0: of no stream. */
  readonly streamId: number
  /** In bytes. */
  readonly headerSize: number
  /** In bytes. */
  readonly bodySize: number
  /** Empty: none. */
  readonly operation: string
  /** An Affinity. */
  readonly affinity: number
  /** False: more replies follow. */
  readonly last: boolean
  /** 0: none. */
  readonly timeoutMs: number
  /** Undefined: the protocol does not tell. */
  readonly idempotent: boolean | undefined
  /** Routable pairs by key. */
  readonly properties: Readonly<Record<string, string>>
  /** The bytes in hex. */
  readonly message: string
}

/** What a codec has said of this message. */
export function factsOf(metadata: Metadata): Facts {
  const properties = Object.fromEntries(propertiesOf(metadata))
  const { type, status, requestId, streamId, headerSize, bodySize } = metadata
  const { operation, affinity, last, timeoutMs, idempotent } = metadata
  const message = metadata.message.toString('hex')
  return {
    ...{ type, status, requestId, streamId, headerSize, bodySize },
    ...{ operation, affinity, last, timeoutMs, idempotent, properties, message },
  }
}

/** The messages that come out of these chunks on a new connection of this sample's side. Throws what `decode` throws. */
export function feed(definition: CodecDefinition, sample: Sample, chunks: readonly Buffer[]): Metadata[] {
  const reader = readerOf(definition, sample)
  return chunks.flatMap((chunk) => reader.push(chunk))
}

/** The messages of a sample, decoded by a new codec in one piece; an AssertionError when it is not what it says it is. */
export function decodeSample(definition: CodecDefinition, sample: Sample): Metadata[] {
  const reader = readerOf(definition, sample)
  const found = reader.push(Buffer.from(sample.bytes))
  const expected = sample.messages ?? 1
  if (found.length === expected && reader.buffer.length === 0) return found
  const message = `sample "${sample.name}": ${found.length} messages instead of ${expected}, ${reader.buffer.length} bytes left over`
  throw new AssertionError({ message })
}

/** A new connection that reads this sample's side. */
export function readerOf(definition: CodecDefinition, sample: Sample, maxMessageBytes?: number): MessageReader {
  return new MessageReader(definition.create(sample.side, sample.config), sample.side, maxMessageBytes)
}

/** The bytes that `write` writes, behind others: a codec that counts from 0 instead of `out.length` is found out. */
export function written(write: (out: ByteWriter) => void): Buffer {
  const out = new ByteWriter().u8(1).u16(2)
  write(out)
  return Buffer.concat(out.flush()).subarray(3)
}

/** Whether an error is a codec's own "these bytes are wrong". */
export function isProtocolError(error: unknown): boolean {
  return error instanceof Error && error.name === 'ProtocolError'
}
