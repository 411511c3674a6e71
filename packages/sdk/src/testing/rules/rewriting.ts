/** Writes messages of a sample anew, with other ids, and reads back what was written. */

import type { MessageId, Metadata } from '../../index.ts'
import { differenceOfAll, LENGTHS, printBytes } from '../judge/compare-messages.ts'
import type { CodecMethod } from '../judge/guard-codec.ts'
import type { Fault } from '../judge/rule.ts'
import type { Subject } from '../judge/subject.ts'
import type { Sample } from '../sample.ts'

/** Bounds of the ids that the proxy gives out. */
export const UPSTREAM_IDS: readonly number[] = [1, 2, 0x1234, 0x7fffffff]

export interface Rewrite {
  readonly method: CodecMethod
  /** The message with the ids that its metadata has now. */
  write(subject: Subject, sample: Sample, message: Metadata): Buffer
}

export const byEncode: Rewrite = {
  method: 'encode',
  write: (subject, sample, message) => subject.encode(sample, message),
}

/** As the proxy does it: into a private copy of the header; by `encode` where the codec says so. */
export const byPatchIds: Rewrite = {
  method: 'patchIds',
  write(subject, sample, message) {
    const { headerSize, requestId, streamId } = message
    const copy = Buffer.from(message.message)
    const codec = subject.writer(sample)
    if (codec.patchIds?.(copy.subarray(0, headerSize), 0, requestId, streamId)) return copy
    return subject.encode(sample, message)
  },
}

export interface IdChange {
  readonly rewrite: Rewrite
  readonly which: 'requestId' | 'streamId'
  readonly id: MessageId
  /** Only these messages get the id. */
  readonly isChosen: (message: Metadata) => boolean
}

/** The chosen messages of a sample get another id, which can be read, and then their own again: the bytes are as before. */
export function idFault(subject: Subject, sample: Sample, change: IdChange): Fault | undefined {
  const { rewrite, which, id, isChosen } = change
  const expected = subject.decode(sample)
  const own = expected.map((message) => message[which])
  const away = subject.decode(sample)
  for (const message of [...expected, ...away].filter(isChosen)) setId(message, which, id)
  const bytes = written(subject, sample, { rewrite, messages: away, isChosen })
  const fault = (message: string): Fault => ({ method: rewrite.method, message: `${which} ${id}: ${message}` })
  const there = subject.tryDecode({ ...sample, bytes })
  if (typeof there === 'string') return fault(`${printBytes(bytes)} cannot be read back: ${there}`)
  const difference = differenceOfAll(expected, there, LENGTHS)
  if (difference !== undefined) return fault(`${printBytes(bytes)} is read back, but ${difference}`)
  for (const [n, message] of there.entries()) if (isChosen(message)) setId(message, which, own[n] as MessageId)
  const back = written(subject, sample, { rewrite, messages: there, isChosen })
  if (back.equals(sample.bytes)) return undefined
  return fault(`putting its own id back gives ${printBytes(back)}`)
}

interface Written {
  readonly rewrite: Rewrite
  readonly messages: readonly Metadata[]
  readonly isChosen: (message: Metadata) => boolean
}

function written(subject: Subject, sample: Sample, { rewrite, messages, isChosen }: Written): Buffer {
  const parts = messages.map((message) =>
    isChosen(message) ? rewrite.write(subject, sample, message) : message.message,
  )
  return Buffer.concat(parts)
}

function setId(message: Metadata, which: 'requestId' | 'streamId', id: MessageId): void {
  if (which === 'requestId') message.requestId = id
  else message.streamId = Number(id)
}
