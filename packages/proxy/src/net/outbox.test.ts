import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '@meltemi/runtime/testing'
import type { Socket } from './network.ts'
import { Flusher, Outbox } from './outbox.ts'

class FakeSocket implements Socket {
  readonly remoteAddress = ''
  readonly remotePort = 0
  readonly localAddress = ''
  readonly localPort = 0
  readonly writes: Buffer[] = []
  /** The same buffers, for what becomes of them later. */
  readonly kept: Buffer[] = []
  bufferedBytes = 0

  write(parts: readonly Buffer[]): boolean {
    this.writes.push(Buffer.concat(parts))
    this.kept.push(...parts)
    return true
  }
  end(): void {}
  destroySoon(): void {}
  destroy(): void {}
  pause(): void {}
  resume(): void {}

  get text(): string[] {
    return this.writes.map((bytes) => bytes.toString('latin1'))
  }
}

function setUp() {
  const clock = new FakeClock()
  const flusher = new Flusher(clock)
  const newOutbox = () => {
    const socket = new FakeSocket()
    const outbox = new Outbox(socket, flusher)
    const say = (text: string) => {
      outbox.writer.latin1(text)
      outbox.touch()
    }
    return { socket, outbox, say }
  }
  return { clock, flusher, newOutbox }
}

test('everything of one turn leaves in one write per connection, in order', () => {
  const { clock, newOutbox } = setUp()
  const [a, b] = [newOutbox(), newOutbox()]
  for (const text of ['1', '2', '3']) for (const { say } of [a, b]) say(text)
  assert.deepEqual([a.socket.text, a.outbox.pendingBytes], [[], 3])
  clock.runImmediates()
  assert.deepEqual([a.socket.text, b.socket.text], [['123'], ['123']])
  a.say('4')
  clock.runImmediates()
  assert.deepEqual([a.socket.text, b.socket.text], [['123', '4'], ['123']])
  assert.deepEqual([a.outbox.bytesSent, a.outbox.pendingBytes], [4, 0])
})

test('64 KiB leave at once, and nothing is written twice', () => {
  const { clock, newOutbox } = setUp()
  const { socket, outbox, say } = newOutbox()
  say('x'.repeat(64 * 1024))
  assert.equal(socket.writes[0]?.length, 64 * 1024)
  say('y')
  clock.runImmediates()
  assert.deepEqual([socket.writes.length, socket.text[1], outbox.bytesSent], [2, 'y', 64 * 1024 + 1])
})

test('memory that the kernel has not taken yet is not written again', () => {
  const { clock, newOutbox } = setUp()
  const { socket, say } = newOutbox()
  socket.bufferedBytes = 1
  say('first')
  clock.runImmediates()
  socket.bufferedBytes = 0
  for (let n = 0; n < 10; n++) {
    newOutbox().say('other')
    say('later')
    clock.runImmediates()
  }
  assert.equal(socket.kept[0]?.toString('latin1'), 'first')
})

test('memory that was taken is used again', () => {
  const { clock, flusher, newOutbox } = setUp()
  newOutbox().say('first')
  clock.runImmediates()
  const chunk = flusher.acquire()
  assert.equal(chunk.toString('latin1', 0, 5), 'first')
})

test('what is written while all are flushed leaves in the next turn', () => {
  const { clock, newOutbox } = setUp()
  const [a, b] = [newOutbox(), newOutbox()]
  const write = a.socket.write.bind(a.socket)
  a.socket.write = (parts) => {
    if (a.socket.writes.length === 0) b.say('echo')
    return write(parts)
  }
  a.say('cause')
  clock.runImmediates()
  assert.deepEqual([a.socket.text, b.socket.text], [['cause'], ['echo']])
})

test('a peer is slow when more waits in its socket than its limit, and at least 64 KiB', () => {
  const { newOutbox } = setUp()
  const { socket, outbox } = newOutbox()
  const stuckAt = (bufferedBytes: number, limitBytes: number) => {
    socket.bufferedBytes = bufferedBytes
    return outbox.isStuck(limitBytes)
  }
  assert.deepEqual(
    [stuckAt(65_536, 0), stuckAt(65_537, 0), stuckAt(65_537, 100_000), stuckAt(100_001, 100_000)],
    [false, true, false, true],
  )
})
