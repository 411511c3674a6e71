/** D1 to D6: what decode says of a message, and how it waits for one. */

import type { Metadata } from '../../index.ts'
import { count, differenceOfAll } from '../judge/compare-messages.ts'
import { CodecThrew } from '../judge/guard-codec.ts'
import { findFactFault } from '../judge/message-facts.ts'
import { type Fault, faultOf, type Rule } from '../judge/rule.ts'
import type { Subject } from '../judge/subject.ts'
import { BrokenContract } from '../message-reader.ts'
import type { Sample } from '../sample.ts'
import { edgePositions } from '../splits.ts'

export const decodingRules: readonly Rule[] = [
  {
    id: 'D1',
    title: 'Every sample is the messages that it says it is',
    about:
      'In one piece on a new connection the bytes of a sample come out as so many messages, all of them taken and none ' +
      'twice, and `metadata.message` holds the bytes that were taken. All else is judged from here.',
    needs: ['F1'],
    inputs: ({ samples }) => samples,
    check: sampleFault,
  },
  {
    id: 'D2',
    title: 'What decode says of a message is in range',
    about:
      'Types, states, sizes, ids and times are what the framework can work with: header and body fit into the message, ' +
      'an id is a bigint only where it is no safe integer, and messages of a stream have a stream id from 1 to 2³¹−1.',
    needs: ['D1'],
    inputs: ({ samples }) => samples,
    check: (subject, input) => {
      const message = subject
        .decode(input)
        .map(findFactFault)
        .find((fault) => fault !== undefined)
      return message === undefined ? undefined : { method: 'decode', message }
    },
  },
  {
    id: 'D3',
    title: 'Nothing is consumed before WaitForData',
    about:
      'Until a message is whole `decode` takes no byte of it: it is called again with the same bytes and more, from ' +
      'the first byte of the message on.',
    needs: ['D1'],
    inputs: ({ samples }) => samples,
    check: (subject, input) =>
      eachBeginning(input, (chunk) => {
        const { error } = read(subject, input, chunk)
        const isConsumed = error instanceof BrokenContract && error.kind === 'consumed'
        return isConsumed ? { method: 'decode', message: error.message, chunks: [chunk] } : undefined
      }),
  },
  {
    id: 'D4',
    title: 'Short data is no error',
    about:
      'The beginning of a right message, cut off anywhere, makes `decode` wait. It throws nothing: TCP may deliver ' +
      'every message byte by byte.',
    needs: ['D3'],
    inputs: ({ samples }) => samples,
    check: (subject, input) =>
      eachBeginning(input, (chunk) => {
        const { error } = read(subject, input, chunk)
        return error instanceof CodecThrew ? faultOf(error, [chunk]) : undefined
      }),
  },
  {
    id: 'D5',
    title: 'A message comes out with its last byte, not before and not later',
    about:
      'A beginning of a message is never given out as a message, and a whole one is not held back until more comes: ' +
      'its sender may be waiting for the reply.',
    needs: ['D4'],
    inputs: ({ samples }) => samples,
    check: earlyFault,
  },
  {
    id: 'D6',
    title: 'WaitForData comes with a wish',
    about:
      'Before `decode` returns WaitForData it has asked `buffer.has(n)` for more than is there. Only so is it not ' +
      'called again for nothing, and only so can a message above the limit be refused before it is gathered.',
    needs: ['D5'],
    inputs: ({ samples }) => samples,
    check: (subject, input) =>
      eachBeginning(input, (chunk) => {
        if (!isWaitingWithoutWish(subject, input, chunk)) return undefined
        const message = `with ${count(chunk.length, 'byte')} decode returned WaitForData, but no has(n) of it was false`
        return { method: 'decode', message, chunks: [chunk] }
      }),
  },
]

function sampleFault(subject: Subject, input: Sample): Fault | undefined {
  const reader = subject.reader(input)
  const found = reader.push(Buffer.from(input.bytes))
  const expected = input.messages ?? 1
  const fault = (message: string): Fault => ({ method: 'decode', message })
  if (found.length !== expected) return fault(`${count(found.length, 'message')} came out instead of ${expected}`)
  if (reader.buffer.length > 0) return fault(`${reader.buffer.length} bytes are left over`)
  const bytes = Buffer.concat(found.map(({ message }) => message))
  return bytes.equals(input.bytes) ? undefined : fault('metadata.message is not the bytes that decode has taken')
}

interface Read {
  readonly found: readonly Metadata[]
  /** Bytes that decode has left. */
  readonly left: number
  readonly error?: CodecThrew | BrokenContract
}

/** What a new connection makes of these bytes. */
function read(subject: Subject, input: Sample, chunk: Buffer): Read {
  const reader = subject.reader(input)
  try {
    return { found: reader.push(Buffer.from(chunk)), left: reader.buffer.length }
  } catch (error: unknown) {
    if (error instanceof CodecThrew || error instanceof BrokenContract) return { found: [], left: 0, error }
    throw error
  }
}

/** The first fault that a beginning of these bytes shows, the shortest first; of very long ones not all are tried. */
function eachBeginning({ bytes }: Sample, check: (chunk: Buffer) => Fault | undefined): Fault | undefined {
  for (const length of edgePositions(bytes.length)) {
    const fault = check(bytes.subarray(0, length))
    if (fault !== undefined) return fault
  }
  return undefined
}

function earlyFault(subject: Subject, input: Sample): Fault | undefined {
  const whole = subject.decode(input)
  return eachBeginning(input, (chunk) => {
    const { found, left, error } = read(subject, input, chunk)
    const fault = (message: string): Fault => ({ method: 'decode', message, chunks: [chunk] })
    if (error !== undefined) return fault(error.message)
    const difference = differenceOfAll(whole.slice(0, found.length), found)
    if (difference !== undefined) return fault(`a message came out that is not whole: ${difference}`)
    const next = whole[found.length]
    if (next !== undefined && next.message.length <= left) return fault('a message is whole and does not come out')
    return undefined
  })
}

function isWaitingWithoutWish(subject: Subject, input: Sample, chunk: Buffer): boolean {
  const reader = subject.reader(input)
  const has = reader.buffer.has.bind(reader.buffer)
  let hasWish = false
  reader.buffer.has = (n) => {
    const isHere = has(n)
    hasWish ||= !isHere
    return isHere
  }
  reader.push(Buffer.from(chunk))
  return reader.buffer.length > 0 && !hasWish
}
