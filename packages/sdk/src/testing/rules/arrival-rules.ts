/** D7 and D8: messages are the same however their bytes arrive. */

import type { Metadata } from '../../index.ts'
import { count, differenceOf, differenceOfAll } from '../judge/compare-messages.ts'
import { type Fault, faultOf, type Rule } from '../judge/rule.ts'
import type { Subject } from '../judge/subject.ts'
import type { MessageReader } from '../message-reader.ts'
import type { Sample } from '../sample.ts'
import { drops, splits } from '../splits.ts'

/** What a socket may deliver in one go; odd, so that messages are cut anywhere. */
const CHUNK_BYTES = 8191
/** Long samples are repeated less often. */
const MAX_PIPELINED_BYTES = 16 * 1024 * 1024
const ONCE = 'no sample may come twice on one connection'

export const arrivalRules: readonly Rule[] = [
  {
    id: 'D7',
    title: 'Every split and every coalescing gives the same messages',
    about:
      'Bytes that arrive cut in two, in three, one by one, or together with the next message mean what they mean in ' +
      'one piece: TCP keeps no borders.',
    needs: ['D5'],
    inputs: ({ samples }) => samples,
    check: splitFault,
  },
  {
    id: 'D8',
    title: 'Pipelined messages come out once each and in order',
    about:
      'A peer may send hundreds of messages without waiting: every one comes out, with the facts that it has alone.',
    needs: ['D7'],
    inputs: ({ samples }) => {
      const repeatable = samples.filter(({ once }) => once !== true)
      return repeatable.length > 0 ? repeatable : ONCE
    },
    check: pipelineFault,
  },
]

function splitFault(subject: Subject, input: Sample): Fault | undefined {
  const expected = subject.decode(input)
  for (const { cuts, chunks } of splits(input.bytes)) {
    const fault = arrivalFault(subject, input, { expected, chunks, how: `cut at ${cuts.join(' and ')}` })
    if (fault !== undefined) return fault
  }
  const chunks = drops(input.bytes)
  const fault = arrivalFault(subject, input, { expected, chunks, how: 'byte by byte' })
  if (fault !== undefined || input.once === true) return fault
  const twice = { expected: [...expected, ...expected], chunks: [Buffer.concat([input.bytes, input.bytes])] }
  return arrivalFault(subject, input, { ...twice, how: 'twice in one piece' })
}

interface Arrival {
  readonly expected: readonly Metadata[]
  readonly chunks: readonly Buffer[]
  readonly how: string
}

function arrivalFault(subject: Subject, input: Sample, { expected, chunks, how }: Arrival): Fault | undefined {
  try {
    const difference = differenceOfAll(expected, subject.feed(input, chunks))
    return difference === undefined ? undefined : { method: 'decode', message: `${how}: ${difference}`, chunks }
  } catch (error: unknown) {
    const fault = faultOf(error, chunks)
    return { ...fault, message: `${how}: ${fault.message}` }
  }
}

function pipelineFault(subject: Subject, input: Sample): Fault | undefined {
  const alone = subject.decode(input)
  const most = Math.max(2, Math.floor(MAX_PIPELINED_BYTES / input.bytes.length))
  const times = Math.min(subject.effort.pipelined, most)
  const all = Buffer.concat(new Array<Buffer>(times).fill(input.bytes))
  const reader = subject.reader(input)
  const fault = (message: string): Fault => ({ method: 'decode', message: `${times} times in a row: ${message}` })
  let seen = 0
  for (let at = 0; at < all.length; at += CHUNK_BYTES) {
    const found = pushed(reader, Buffer.from(all.subarray(at, at + CHUNK_BYTES)))
    if (!Array.isArray(found)) return { ...found, ...fault(found.message) }
    for (const message of found) {
      const difference = differenceOf(alone[seen % alone.length] as Metadata, message)
      seen++
      if (difference !== undefined) return fault(`of message ${seen} ${difference}`)
    }
  }
  return seen === times * alone.length ? undefined : fault(`${count(seen, 'message')} came out`)
}

function pushed(reader: MessageReader, chunk: Buffer): Metadata[] | Fault {
  try {
    return reader.push(chunk)
  } catch (error: unknown) {
    return faultOf(error)
  }
}
