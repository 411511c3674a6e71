import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Codec, CodecDefinition } from '../../codec.ts'
import { DecodeStatus, MessageType } from '../../index.ts'
import type { Sample } from '../sample.ts'
import { bench } from './bench.ts'
import { allocatedBytes, measure } from './measure.ts'

const RUNS = 20_000
/** Elements, each as large as a pointer; and bytes that differ when the engine has not compiled all yet. */
const HOARD = 5000
const FAR_LESS = 2000
const FOR_MS = 50
const POINTER_BYTES = 8
const kept: { last: unknown } = { last: undefined }

/** Within a share of what is expected. */
function assertAbout(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${actual} instead of ${expected}`)
}

/** | u8 length of all | u8 id | u8 kind: 0 request, 1 one-way | … |, whose decode and encode do something besides. */
function codecOf(besides: { decode?: () => void; encode?: () => void; patchIds?: boolean } = {}): CodecDefinition {
  const create = (): Codec => ({
    decode(buffer, metadata) {
      if (!buffer.has(3) || !buffer.has(buffer.u8(0))) return DecodeStatus.WaitForData
      besides.decode?.()
      if (buffer.u8(2) === 1) metadata.type = MessageType.Oneway
      metadata.requestId = buffer.u8(1)
      metadata.headerSize = 3
      metadata.message = buffer.take(buffer.u8(0))
      return DecodeStatus.Done
    },
    encode({ message, requestId }, _mutation, out) {
      besides.encode?.()
      out.bytes(message, 0, 1).u8(Number(requestId)).bytes(message, 2)
    },
    onError: ({ requestId }, _failure, out) => void out.u8(3).u8(Number(requestId)).u8(0),
    patchIds(bytes, start, requestId) {
      if (besides.patchIds === false) return false
      bytes[start + 1] = Number(requestId)
      return true
    },
  })
  return { name: 'bench', contract: 1, correlation: 'id', mutation: 'request', create }
}

const request: Sample = { name: 'request', side: 'downstream', bytes: Buffer.of(4, 7, 0, 9) }
const oneways: Sample = { name: 'two', side: 'downstream', bytes: Buffer.of(3, 7, 1, 3, 8, 1), messages: 2 }
const reply: Sample = { name: 'reply', side: 'upstream', bytes: Buffer.of(3, 7, 0) }

test('the bytes that are measured are those that were allocated, on the heap and beside it', () => {
  const [nothing, object, array, buffer] = [
    () => undefined,
    () => ({ a: kept, b: kept, c: kept }),
    () => new Array(1000).fill(kept),
    () => Buffer.allocUnsafeSlow(4096),
  ].map((make) => {
    const action = (): void => {
      kept.last = make()
    }
    for (let n = 0; n < RUNS; n++) action() // until it is compiled
    return allocatedBytes(action, RUNS)
  }) as [number, number, number, number]
  assert.ok(nothing < 1, `${nothing} for nothing`)
  // three fields behind the map, the properties and the elements
  assertAbout(object, 6 * POINTER_BYTES, 0.1)
  // pages have ends, where nothing fits
  assertAbout(array, 1000 * POINTER_BYTES, 0.05)
  // what describes the buffer lies on the heap
  assert.ok(buffer > 4096 && buffer < 4096 + 400, `${buffer} for a buffer of 4096`)
})

test('what a codec allocates besides shows in the bytes of the operation that does it, and nowhere else', () => {
  const hoard = (): void => {
    kept.last = new Array(HOARD).fill(kept)
  }
  const bytesOf = (definition: CodecDefinition): Record<string, number> => {
    const [sample] = bench(definition, [request], { forMs: FOR_MS }).samples
    return Object.fromEntries(sample!.results.map(({ operation, bytes }) => [operation, bytes]))
  }
  const plain = bytesOf(codecOf())
  const decoding = bytesOf(codecOf({ decode: hoard }))
  const encoding = bytesOf(codecOf({ encode: hoard }))
  const expected = HOARD * POINTER_BYTES
  // nothing fits into the ends of pages
  assertAbout(decoding['decode']! - plain['decode']!, expected, 0.1)
  assertAbout(encoding['encode']! - plain['encode']!, expected, 0.1)
  assert.ok(Math.abs(encoding['decode']! - plain['decode']!) < FAR_LESS)
  assert.ok(Math.abs(decoding['patchIds']! - plain['patchIds']!) < FAR_LESS)
})

test('ten times the work takes a multiple of the time, and rounds are in order', () => {
  const work = (steps: number) => (): void => {
    let sum = 0
    for (let n = 0; n < steps; n++) sum = Math.imul(sum + n, 31)
    kept.last = sum
  }
  const { ns: few } = measure(work(1000), FOR_MS)
  const { ns: many } = measure(work(10_000), FOR_MS)
  assert.ok(many.median > 3 * few.median, `${many.median} against ${few.median}`)
  assert.ok(few.min > 0 && few.min <= few.median && few.median <= few.max)
})

test('a sample is put through the operations that its messages have', () => {
  const operationsOf = (definition: CodecDefinition, sample: Sample): string[] => {
    const { results } = bench(definition, [sample], { forMs: 1 }).samples[0]!
    return results.map(({ operation, messages }) => `${operation} ${messages}`)
  }
  const all = ['decode 1', 'encode 1', 'mutate 1', 'patchIds 1', 'onError 1']
  assert.deepEqual(operationsOf(codecOf(), request), all)
  assert.deepEqual(operationsOf(codecOf({ patchIds: false }), request), all.with(3, 'ids by encode 1'))
  assert.deepEqual(operationsOf(codecOf(), oneways), ['decode 2', 'encode 2', 'mutate 2', 'patchIds 2'])
  assert.deepEqual(operationsOf(codecOf(), reply), ['decode 1', 'encode 1', 'patchIds 1'])
  const without = { ...request, ids: false, mutable: false }
  assert.deepEqual(operationsOf(codecOf(), without), ['decode 1', 'encode 1', 'onError 1'])
  const ordered: CodecDefinition = { ...codecOf(), correlation: 'order' }
  assert.deepEqual(operationsOf(ordered, reply), ['decode 1', 'encode 1'])
})

test('a connection that reads a sample only once is made anew each time', () => {
  let made = 0
  const definition = codecOf()
  const create: CodecDefinition['create'] = (side, config) => {
    made++
    return definition.create(side, config)
  }
  const counted: CodecDefinition = { ...definition, create }
  bench(counted, [request], { forMs: 1 })
  const others = made
  bench(counted, [{ ...request, once: true }], { forMs: 1 })
  assert.ok(made > others + 10, `${made} connections`)
})

test('the total is the mean of all messages', () => {
  const { samples, total } = bench(codecOf(), [request, oneways], { forMs: 10 })
  const [one, two] = samples.map(({ results }) => results.find(({ operation }) => operation === 'decode')!)
  const decode = total.find(({ operation }) => operation === 'decode')!
  assert.equal(decode.messages, 3)
  assertAbout(decode.ns.median, (one!.ns.median + 2 * two!.ns.median) / 3, 1e-9)
  assertAbout(decode.bytes, (one!.bytes + 2 * two!.bytes) / 3, 1e-9)
})

test('a sample that is not what it says it is is refused', () => {
  assert.throws(
    () => bench(codecOf(), [{ ...request, messages: 2 }], { forMs: 1 }),
    /^Error: downstream sample "request": .*1 messages? instead of 2/s,
  )
})
