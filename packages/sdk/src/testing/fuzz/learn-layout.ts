import type { CodecDefinition } from '../../codec.ts'
import type { Metadata } from '../../index.ts'
import { maxReadsOf } from './check-reading.ts'
import type { FuzzInput } from './fuzz-input.ts'
import { type Layout, type NumberField, type Range, readNumber, writeNumber } from './layout.ts'
import { Connection, MAX_MESSAGE_BYTES, type Reading } from './read-connection.ts'
import { type Sight, Watch, watchedBuffer } from './watch.ts'

/** Each costs one more decode. */
const MAX_NUMBERS = 64
const MAX_TEXTS = 64

interface Watched {
  readonly sights: readonly Sight[]
  readonly reading: Reading
}

/**
 * Finds out where this input's numbers are by watching the codec read them, and what they mean by changing one after
 * the other and watching what it does then. `onProbe` is told of each input that is tried: one of them may hang.
 */
export function learnLayout(
  definition: CodecDefinition,
  input: FuzzInput,
  onProbe: (probe: FuzzInput) => void = ignore,
): Layout {
  const watched = watchReading(definition, input, onProbe)
  const texts = watched.sights.filter((sight) => sight.kind === 'text' && isInside(sight, input.bytes))
  return {
    numbers: numbersOf(watched).map((field) => learnRole(definition, { input, field, watched, onProbe })),
    texts: distinct(texts as Extract<Sight, { kind: 'text' }>[], ({ start, end }) => `${start} ${end}`)
      .slice(0, MAX_TEXTS)
      .map(({ start, end }) => ({ start, end })),
    messages: messageRanges(watched.reading.messages, input.bytes.length),
  }
}

function watchReading(definition: CodecDefinition, input: FuzzInput, onProbe: (probe: FuzzInput) => void): Watched {
  const watch = new Watch()
  const sights: Sight[] = []
  watch.restart(maxReadsOf(input.bytes.length), sights)
  onProbe(input)
  const connection = new Connection(definition, input, { watch, buffer: watchedBuffer(watch, MAX_MESSAGE_BYTES) })
  try {
    connection.push(Buffer.from(input.bytes))
  } catch (error: unknown) {
    // the examiner says what is wrong with it; what was seen before is still true
    connection.refusal = String(error)
  }
  return { sights, reading: connection }
}

function ignore(): void {}

function numbersOf({ sights }: Watched): Omit<NumberField, 'role' | 'unit' | 'reach'>[] {
  const numbers = sights.filter((sight) => sight.kind === 'number')
  return distinct(numbers, ({ at, bytes }) => `${at} ${bytes}`).slice(0, MAX_NUMBERS)
}

interface Probing {
  readonly input: FuzzInput
  readonly field: Omit<NumberField, 'role' | 'unit' | 'reach'>
  readonly watched: Watched
  readonly onProbe: (probe: FuzzInput) => void
}

function learnRole(definition: CodecDefinition, { input, field, watched, onProbe }: Probing): NumberField {
  const plain: NumberField = { ...field, role: 'plain', unit: 0, reach: 0 }
  const bytes = Buffer.from(input.bytes)
  writeNumber(bytes, plain, readNumber(bytes, plain) + 1n)
  const changed = watchReading(definition, { ...input, bytes }, onProbe)
  const moved = firstMove(watched.sights, changed.sights, field.at + field.bytes)
  if (moved !== undefined) return { ...plain, role: 'length', ...moved }
  if (changed.reading.refusal !== undefined && watched.reading.refusal === undefined) return { ...plain, role: 'fixed' }
  return hasOtherId(changed.reading, watched.reading) ? { ...plain, role: 'id' } : plain
}

/** The first position behind the field that lies further on in the second run. */
function firstMove(
  before: readonly Sight[],
  after: readonly Sight[],
  from: number,
): { unit: number; reach: number } | undefined {
  const edgesBefore = before.filter((sight) => sight.kind === 'edge')
  const edgesAfter = after.filter((sight) => sight.kind === 'edge')
  for (const [n, { at }] of edgesBefore.entries()) {
    const other = edgesAfter[n]?.at
    if (other === undefined) return undefined
    if (other !== at) return other > at && at >= from ? { unit: other - at, reach: at } : undefined
  }
  return undefined
}

function hasOtherId(changed: Reading, original: Reading): boolean {
  return original.messages.some(({ requestId, streamId }, n) => {
    const other = changed.messages[n]
    return other !== undefined && (other.requestId !== requestId || other.streamId !== streamId)
  })
}

/** What is no whole message at the end counts as one. */
function messageRanges(messages: readonly Metadata[], length: number): Range[] {
  let start = 0
  const ranges = messages.map(({ message }) => {
    const range = { start, end: start + message.length }
    start = range.end
    return range
  })
  return start < length ? [...ranges, { start, end: length }] : ranges
}

function isInside({ start, end }: { start: number; end: number }, bytes: Buffer): boolean {
  return start >= 0 && start < end && end <= bytes.length
}

function distinct<T>(list: readonly T[], keyOf: (one: T) => string): T[] {
  return [...new Map(list.map((one) => [keyOf(one), one])).values()]
}
