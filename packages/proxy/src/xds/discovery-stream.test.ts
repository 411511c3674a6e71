import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DiscoveryResponse, DiscoveryResponseSchema } from '@meltemi/api/xds'
import { FakeClock } from '@meltemi/runtime/testing'
import { Backoff } from '../util/backoff.ts'
import { DiscoveryStream } from './discovery-stream.ts'
import { FakeTransport } from './testing/fake-transport.ts'

const ANSWER = { $typeName: DiscoveryResponseSchema.typeName, typeUrl: 'x' } as DiscoveryResponse
const almostOne = { next: () => 1 - 2 ** -32, u32: () => 0 }

function start() {
  const clock = new FakeClock()
  const transport = new FakeTransport()
  const lost: (readonly [string, boolean])[] = []
  const heard: string[] = []
  const stream = new DiscoveryStream({
    service: { type: 'ads', delta: false },
    addresses: ['a:1', 'b:2'],
    transport: transport.open,
    clock,
    backoff: new Backoff(almostOne),
    firstRequests: () => [{ typeUrl: 'first' }, { typeUrl: 'second' }],
    onResponse: ({ typeUrl }) => heard.push(typeUrl),
    onLost: (reason, hadAnswered) => lost.push([reason, hadAnswered]),
  })
  stream.open()
  return { clock, transport, lost, heard, stream }
}

test('a stream begins with its first requests, and carries those that come later', () => {
  const { transport, stream, heard } = start()
  stream.write({ typeUrl: 'third' })
  assert.deepEqual(
    transport.last.take().map(({ typeUrl }) => typeUrl),
    ['first', 'second', 'third'],
  )
  transport.last.send(ANSWER)
  assert.deepEqual([heard, stream.hasAnswered], [['x'], true])
})

test('a lost stream is opened again, at the next address, after waits that grow', () => {
  const { clock, transport, lost } = start()
  for (const waitMs of [499, 999, 1999]) {
    const count = transport.streams.length
    transport.last.end('refused')
    clock.advance(waitMs - 1)
    assert.equal(transport.streams.length, count)
    clock.advance(1)
    assert.equal(transport.streams.length, count + 1)
  }
  assert.deepEqual(
    transport.streams.map(({ address }) => address),
    ['a:1', 'b:2', 'a:1', 'b:2'],
  )
  assert.deepEqual(lost, Array(3).fill(['refused', false]))
})

test('a stream that has answered makes the waits short again', () => {
  const { clock, transport, lost } = start()
  transport.last.end()
  clock.advance(1_000)
  transport.last.end()
  clock.advance(1_000)
  transport.last.send(ANSWER)
  transport.last.end()
  assert.deepEqual(lost.at(-1), ['gone', true])
  clock.advance(499)
  assert.equal(transport.streams.length, 4)
  assert.deepEqual(
    transport.last.take().map(({ typeUrl }) => typeUrl),
    ['first', 'second'],
  )
})

test('what a stream that is lost still says is not heard', () => {
  const { clock, transport, heard } = start()
  const [old] = transport.streams
  old?.end()
  clock.advance(1_000)
  old?.send(ANSWER)
  old?.end()
  assert.deepEqual(heard, [])
  assert.equal(transport.streams.length, 2)
})

test('what is written while there is no stream is not kept: the next begins with what is true then', () => {
  const { clock, transport, stream } = start()
  transport.last.end()
  stream.write({ typeUrl: 'late' })
  clock.advance(1_000)
  assert.deepEqual(
    transport.last.take().map(({ typeUrl }) => typeUrl),
    ['first', 'second'],
  )
})

test('a closed stream is not opened again, and leaves no timer', async () => {
  const { clock, transport, stream, lost } = start()
  transport.last.end()
  stream.close()
  assert.equal(clock.pendingTimers, 0)
  const other = start()
  other.stream.close()
  await Promise.resolve()
  assert.equal(other.transport.last.isCancelled, true)
  assert.equal(other.clock.pendingTimers, 0)
  assert.deepEqual([lost.length, other.lost.length], [1, 0])
})
