/** What must hold when the same bytes are read in another way. Each check throws a Fault. */

import type { Metadata } from '../../index.ts'
import { ReceiveBuffer } from '../../index.ts'
import { differenceOfAll } from '../judge/compare-messages.ts'
import { cut, singleBytes } from '../splits.ts'
import { calling, Fault } from './fault.ts'
import { MAX_MESSAGE_BYTES, type Reading, readConnection } from './read-connection.ts'
import type { Trial } from './trial.ts'
import { readsFault, Watch, watchedBuffer } from './watch.ts'

const RANDOM_SPLITS = 2
const MAX_CUTS = 3
/** Longer inputs are not fed byte by byte, and of these only one in so many. */
const MAX_DRIPPED_BYTES = 2048
const DRIPPED_ONE_IN = 8

/** The reads that a linear decode may need, generously. */
export function maxReadsOf(bytes: number): number {
  return 4096 + 64 * bytes
}

/** Random splits, and sometimes single bytes, give the same messages and the same end. */
export function checkSplits(trial: Trial): void {
  const { input, random } = trial
  const { bytes } = input
  if (bytes.length < 2) return
  for (let n = 0; n < RANDOM_SPLITS; n++) {
    const cuts = Array.from({ length: 1 + random.below(MAX_CUTS) }, () => 1 + random.below(bytes.length - 1))
    const { chunks } = cut(
      bytes,
      [...new Set(cuts)].sort((a, b) => a - b),
    )
    compareReading(trial, readConnection(trial.definition, input, chunks), `cut at ${cuts.join(', ')}`)
  }
  if (bytes.length <= MAX_DRIPPED_BYTES && random.below(DRIPPED_ONE_IN) === 0) checkDrip(trial)
}

/** It makes no difference when another connection is read in between. */
export function checkBeside(trial: Trial): void {
  const { definition, input, other, random } = trial
  if (other === undefined || input.bytes.length < 2) return
  const at = 1 + random.below(input.bytes.length - 1)
  const { chunks } = cut(input.bytes, [at])
  const connection = readConnection(definition, input, chunks.slice(0, 1))
  readConnection(definition, other, [Buffer.from(other.bytes)])
  for (const chunk of chunks.slice(1)) connection.push(chunk)
  compareReading(trial, connection, `cut at ${at}, with another connection in between`)
}

/** What is longer than the listener allows is refused, also when it is all there. */
export function checkLimit({ definition, input, messages }: Trial): void {
  const longest = Math.max(0, ...messages.map(({ message }) => message.length))
  if (longest < 2) return
  const buffer = new ReceiveBuffer(longest - 1)
  const reading = readConnection(definition, input, [Buffer.from(input.bytes)], { buffer })
  const isOver = reading.messages.some(({ message }) => message.length >= longest)
  if (isOver) throw new Fault('limit', 'a message above the limit is not refused', `a limit of ${longest - 1} bytes`)
}

/** A message alone on a new connection says what it said behind others, if the codec is one without memory. */
export function checkState(trial: Trial): void {
  const { definition, input, messages, random, isStateless } = trial
  if (!isStateless || messages.length < 2) return
  for (const n of new Set([messages.length - 1, 1 + random.below(messages.length - 1)])) {
    const message = messages[n] as Metadata
    const { messages: alone } = readConnection(definition, input, [Buffer.from(message.message)])
    const difference = differenceOfAll(alone, [message])
    if (difference === undefined) continue
    throw new Fault('state', 'a message says something else behind others than alone', `${difference} (number ${n})`)
  }
}

/** `detect` answers for any bytes, and takes none. It may be stricter than `decode`. */
export function checkDetect({ definition, input }: Trial): void {
  if (definition.detect === undefined || input.side === 'upstream') return
  const buffer = new ReceiveBuffer(MAX_MESSAGE_BYTES)
  buffer.append(Buffer.from(input.bytes))
  const verdict = calling('detect', () => definition.detect?.(buffer))
  if (buffer.length !== input.bytes.length) throw new Fault('detect', 'detect has consumed bytes')
  if (verdict !== undefined && typeof verdict !== 'boolean') throw new Fault('detect', `detect returned ${verdict}`)
}

function checkDrip(trial: Trial): void {
  const { definition, input } = trial
  const watch = new Watch()
  watch.restart(maxReadsOf(input.bytes.length))
  const buffer = watchedBuffer(watch, MAX_MESSAGE_BYTES)
  const reading = readConnection(definition, input, singleBytes(input.bytes), { buffer, watch })
  if (watch.reads > watch.maxReads) throw readsFault(watch)
  compareReading(trial, reading, 'byte by byte')
}

function compareReading({ reading: whole }: Trial, split: Reading, where: string): void {
  const fail = (what: string, detail: string): never => {
    throw new Fault('splits', what, `${where}: ${detail}`)
  }
  const difference = differenceOfAll(whole.messages, split.messages)
  if (difference !== undefined) fail('other messages when the bytes come in pieces', difference)
  if ((split.refusal === undefined) !== (whole.refusal === undefined)) {
    fail('pieces end otherwise than the whole', `${endOf(split)}, in one piece ${endOf(whole)}`)
  }
  if (split.left !== whole.left && whole.refusal === undefined) {
    fail('another number of bytes waits when the bytes come in pieces', `${split.left}, in one piece ${whole.left}`)
  }
}

function endOf({ refusal, left }: Reading): string {
  return refusal === undefined ? `${left} bytes wait` : `refused: ${refusal}`
}
