import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '@meltemi/runtime/testing'
import type { Socket, SocketHandler } from '../net/network.ts'
import { TimerWheel } from '../util/timer-wheel.ts'
import { ProxyHeaderReader } from './proxy-header-reader.ts'

const HEADER = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n')

function setUp(onData: (chunk: Buffer) => void = () => {}) {
  const clock = new FakeClock()
  const timers = new TimerWheel(clock)
  const heard: string[] = []
  const next: SocketHandler = { onConnect() {}, onData, onEnd: () => heard.push('end'), onDrain() {}, onClose() {} }
  const socket = { destroy: () => heard.push('destroy') } as Partial<Socket> as Socket
  const reader = new ProxyHeaderReader(socket, timers, {
    onHeader(properties, rest) {
      heard.push(String(properties.get('proxy_protocol.source_address')))
      if (rest.length > 0) next.onData(rest)
      return next
    },
    onRefused: (reason) => heard.push(`refused: ${reason}`),
  })
  return { clock, timers, reader, heard }
}

test('what comes with the header and behind it is handed on', () => {
  const got: string[] = []
  const { reader, heard, timers } = setUp((chunk) => got.push(String(chunk)))
  for (const byte of HEADER.subarray(0, -1)) reader.onData(Buffer.of(byte))
  reader.onData(Buffer.concat([HEADER.subarray(-1), Buffer.from('first')]))
  reader.onData(Buffer.from('second'))
  reader.onEnd()
  assert.deepEqual([got, heard, timers.size], [['first', 'second'], ['192.0.2.1', 'end'], 0])
})

test('a fault of what handles the connection is not taken for a bad header', () => {
  const { reader, heard } = setUp(() => assert.fail('a bug'))
  assert.throws(() => reader.onData(Buffer.concat([HEADER, Buffer.from('x')])), /a bug/)
  assert.deepEqual(heard, ['192.0.2.1'])
})

test('a connection without a header is refused once: for its bytes, its end, or its time', () => {
  const ends: readonly [(reader: ProxyHeaderReader, clock: FakeClock) => void, RegExp][] = [
    [(reader) => reader.onData(Buffer.from('GET / HTTP/1.1')), /does not begin with/],
    [(reader) => reader.onEnd(), /ended before/],
    [(_reader, clock) => clock.advance(16_000), /did not come in time/],
  ]
  for (const [end, reason] of ends) {
    const { reader, heard, clock, timers } = setUp()
    reader.onData(HEADER.subarray(0, 0))
    end(reader, clock)
    reader.onData(HEADER)
    reader.onClose(undefined)
    assert.match(heard.join(', '), reason)
    assert.deepEqual([heard.length, timers.size], [2, 0])
  }
})
