/** What the judge is fed with, and how it says what is wrong. */

import { AssertionError } from 'node:assert'
import type { CodecDefinition, Side } from '../codec.ts'
import { ByteWriter, type MessageId, type Metadata } from '../index.ts'
import { MessageReader } from './message-reader.ts'

/** Bytes that are right: whole messages, as the first of a connection. */
export interface Sample {
  readonly name: string
  /** `downstream`: what a client sends; `upstream`: what a service sends. */
  readonly side: Side
  readonly bytes: Buffer
  /** How many messages these bytes are; 1 if not said. */
  readonly messages?: number
  /** The codec's options for this sample. */
  readonly config?: unknown
  /** The same bytes may not come twice on one connection. */
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
  readonly type: number
  readonly status: number
  readonly requestId: MessageId
  readonly streamId: number
  readonly headerSize: number
  readonly bodySize: number
  readonly operation: string
  readonly affinity: number
  readonly last: boolean
  readonly timeoutMs: number
  readonly idempotent: boolean | undefined
  readonly properties: Readonly<Record<string, string>>
  /** The bytes in hex. */
  readonly message: string
}

export function factsOf(metadata: Metadata): Facts {
  const properties: Record<string, string> = {}
  for (let n = 0; n < metadata.size; n++) properties[metadata.key(n)] = metadata.value(n)
  const { type, status, requestId, streamId, headerSize, bodySize } = metadata
  const { operation, affinity, last, timeoutMs, idempotent } = metadata
  const message = metadata.message.toString('hex')
  return {
    ...{ type, status, requestId, streamId, headerSize, bodySize },
    ...{ operation, affinity, last, timeoutMs, idempotent, properties, message },
  }
}

/** The messages of a sample, decoded by a new codec in one piece; fails when it is not what it says it is. */
export function decodeSample(definition: CodecDefinition, sample: Sample): Metadata[] {
  const reader = readerOf(definition, sample)
  const found = explain(definition, sample, 'in one piece', () => reader.push(Buffer.from(sample.bytes)))
  const expected = sample.messages ?? 1
  if (found.length !== expected) complain(definition, sample, `${found.length} messages instead of ${expected}`)
  if (reader.buffer.length > 0) complain(definition, sample, `${reader.buffer.length} bytes are left over`)
  return found
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

/** Runs `action`; an exception becomes a complaint that names the sample. */
export function explain<T>(definition: CodecDefinition, sample: Sample, where: string, action: () => T): T {
  try {
    return action()
  } catch (error: unknown) {
    if (error instanceof AssertionError) throw error
    return complain(definition, sample, `${where}: ${error instanceof Error ? error.stack : error}`)
  }
}

/** Compares what two decodes said, message by message. */
export function assertSame(
  definition: CodecDefinition,
  sample: Sample,
  comparison: { where: string; actual: readonly unknown[]; expected: readonly unknown[] },
): void {
  const { where } = comparison
  const actual = comparison.actual.map(print)
  const expected = comparison.expected.map(print)
  if (actual.length !== expected.length) {
    complain(definition, sample, `${where}: ${actual.length} messages instead of ${expected.length}`)
  }
  for (let n = 0; n < actual.length; n++) {
    if (actual[n] === expected[n]) continue
    complain(definition, sample, `${where}: message ${n} differs\n  expected ${expected[n]}\n  got      ${actual[n]}`)
  }
}

export function complain(definition: CodecDefinition, sample: Sample, what: string): never {
  const { bytes, side, name } = sample
  const hex = bytes.length > 256 ? `${bytes.toString('hex', 0, 256)}… (${bytes.length} bytes)` : bytes.toString('hex')
  throw new AssertionError({ message: `${definition.name}, ${side} sample "${name}": ${what}\n  bytes ${hex}` })
}

function print(facts: unknown): string {
  return JSON.stringify(facts, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value))
}
