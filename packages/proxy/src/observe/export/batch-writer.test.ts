import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LocalRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { BatchWriters } from './batch-writers.ts'
import { type Batch, logDestination } from './outlet.ts'

function setUp() {
  const clock = new FakeClock()
  const metrics = new LocalRegistry(() => {})
  const batches: Batch[] = []
  const state = { isFull: false }
  const outlet = { send: (batch: Batch) => !state.isFull && batches.push(batch) > 0 }
  const writers = new BatchWriters(outlet, clock, metrics)
  const hold = () => writers.hold(logDestination({ kind: 'file', path: '/log' }))
  const texts = () => batches.splice(0).map(({ bytes, count }) => [Buffer.from(bytes).toString(), count] as const)
  return { clock, writers, hold, texts, state, batches }
}

test('lines leave together, a second after the first one', () => {
  const { clock, hold, texts } = setUp()
  const { writer } = hold()
  writer.addText('one\n')
  clock.advance(500)
  writer.addText('zwölf\n')
  assert.deepEqual(texts(), [])
  clock.advance(500)
  assert.deepEqual(texts(), [['one\nzwölf\n', 2]])
  clock.advance(5000)
  assert.deepEqual(texts(), [])
  writer.addText('later\n')
  clock.advance(1000)
  assert.deepEqual(texts(), [['later\n', 1]])
})

test('or when there is enough of them, in order and whole', () => {
  const { hold, batches } = setUp()
  const { writer } = hold()
  const lines = Array.from({ length: 2000 }, (_, n) => `line ${n} ${'x'.repeat(n % 200)}ü\n`)
  for (const line of lines) writer.addText(line)
  writer.flush()
  assert.ok(batches.length > 3)
  assert.ok(batches.every(({ bytes }) => bytes.length <= 64 * 1024))
  assert.equal(Buffer.concat(batches.map(({ bytes }) => bytes)).toString(), lines.join(''))
  assert.equal(
    batches.reduce((sum, { count }) => sum + count, 0),
    2000,
  )
})

test('what has left is not written to again', () => {
  const { hold, batches } = setUp()
  const { writer } = hold()
  writer.addText('small')
  writer.flush()
  writer.addText('y'.repeat(20_000))
  writer.flush()
  writer.addText('z'.repeat(20_000))
  writer.flush()
  assert.deepEqual(
    batches.map(({ bytes }) => [bytes.length, String.fromCharCode(bytes[0] as number)]),
    [
      [5, 's'],
      [20_000, 'y'],
      [20_000, 'z'],
    ],
  )
  const memory = new Set(batches.map(({ bytes }) => bytes.buffer))
  assert.equal(memory.size, 3)
})

test('a line that is large leaves alone, behind those before it; one of more than 1 MiB is lost', () => {
  const { hold, texts } = setUp()
  const { writer } = hold()
  const large = 'ü'.repeat(100_000)
  writer.addText('a')
  writer.addText(large)
  writer.addText('b')
  writer.addText('x'.repeat(1024 * 1024 + 1))
  writer.addBytes(Buffer.alloc(100_000, 'c'))
  writer.addBytes(Buffer.alloc(1024 * 1024 + 1))
  writer.flush()
  assert.deepEqual(texts(), [
    ['a', 1],
    [large, 1],
    ['b', 1],
    ['c'.repeat(100_000), 1],
  ])
})

test('when the way out is full lines are lost, and the next ones go on', () => {
  const { hold, texts, state, clock } = setUp()
  const { writer } = hold()
  state.isFull = true
  writer.addText('lost\n')
  clock.advance(1000)
  state.isFull = false
  writer.addText('kept\n')
  clock.advance(1000)
  assert.deepEqual(texts(), [['kept\n', 1]])
})

test('those who write to the same place share a writer, until the last one has released it', () => {
  const { hold, texts, writers } = setUp()
  const [first, second] = [hold(), hold()]
  assert.equal(first.writer, second.writer)
  first.writer.addText('a')
  first.release()
  first.release()
  assert.deepEqual(texts(), [['a', 1]])
  assert.equal(hold().writer, second.writer)
  second.writer.addText('b')
  writers.flush()
  assert.deepEqual(texts(), [['b', 1]])
})
