import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from '../failure.ts'
import { ReceiveBuffer } from './receive-buffer.ts'

function filled(bytes: readonly number[] | Buffer): ReceiveBuffer {
  const buffer = new ReceiveBuffer()
  buffer.append(Buffer.from(bytes))
  return buffer
}

/** The same bytes twice: adopted whole, and joined from single bytes. */
function bothWays(hex: string): ReceiveBuffer[] {
  const bytes = Buffer.from(hex, 'hex')
  const joined = new ReceiveBuffer()
  for (const byte of bytes) joined.append(Buffer.of(byte))
  return [filled(bytes), joined]
}

test('integers of every width are read at their position, signed and unsigned', () => {
  for (const buffer of bothWays('00fffefdfcfb8001')) {
    assert.equal(buffer.u8(1), 0xff)
    assert.equal(buffer.i8(1), -1)
    assert.equal(buffer.u16(1), 0xfffe)
    assert.equal(buffer.i16(1), -2)
    assert.equal(buffer.u16le(1), 0xfeff)
    assert.equal(buffer.u32(1), 0xfffefdfc)
    assert.equal(buffer.i32(1), 0xfffefdfc - 0x1_0000_0000)
    assert.equal(buffer.u32le(1), 0xfcfdfeff)
    assert.equal(buffer.i64(0), 0x00fffefdfcfb8001n)
  }
})

test('a 64-bit integer is a number exactly where that is safe', () => {
  const cases: [bigint, number | bigint][] = [
    [0n, 0],
    [-1n, -1],
    [0xffff_ffffn, 0xffff_ffff],
    [BigInt(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER],
    [BigInt(Number.MIN_SAFE_INTEGER), Number.MIN_SAFE_INTEGER],
    [BigInt(Number.MAX_SAFE_INTEGER) + 1n, BigInt(Number.MAX_SAFE_INTEGER) + 1n],
    [BigInt(Number.MAX_SAFE_INTEGER) + 2n, BigInt(Number.MAX_SAFE_INTEGER) + 2n],
    [BigInt(Number.MIN_SAFE_INTEGER) - 1n, BigInt(Number.MIN_SAFE_INTEGER) - 1n],
    [-(2n ** 63n), -(2n ** 63n)],
    [2n ** 63n - 1n, 2n ** 63n - 1n],
  ]
  for (const [wire, value] of cases) {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(wire)
    assert.equal(filled(bytes).i64(0), value)
  }
})

test('positions count from the next unread byte, and reading outside throws', () => {
  const buffer = filled([1, 2, 3, 4, 5, 6])
  buffer.take(4)
  assert.equal(buffer.u8(0), 5)
  assert.equal(buffer.u16(0), 0x0506)
  for (const read of [
    () => buffer.u8(2),
    () => buffer.u8(-1),
    () => buffer.u8(Number.NaN),
    () => buffer.u16(1),
    () => buffer.u16le(1),
    () => buffer.u32(0),
    () => buffer.u32le(0),
    () => buffer.i64(0),
    () => buffer.take(3),
    () => buffer.take(-1),
    () => buffer.take(Number.NaN),
  ]) {
    assert.throws(read, RangeError)
  }
  assert.equal(buffer.length, 2)
})

test('a wish for more bytes keeps decode from being called before they are here', () => {
  const buffer = filled([1])
  assert.equal(buffer.has(1), true)
  assert.equal(buffer.has(4), false)
  assert.equal(buffer.isReady, false)
  buffer.append(Buffer.of(2, 3))
  assert.equal(buffer.isReady, false)
  buffer.append(Buffer.of(4))
  assert.equal(buffer.isReady, true)
  buffer.take(4)
  assert.equal(buffer.isReady, false)
  buffer.append(Buffer.of(5))
  assert.equal(buffer.isReady, true, 'a wish ends with its message')
})

test('a decode that waits without a wish is not called again for the same bytes', () => {
  const buffer = filled([1, 2])
  buffer.wait()
  assert.equal(buffer.isReady, false)
  buffer.append(Buffer.of(3))
  assert.equal(buffer.isReady, true)
  buffer.has(10)
  buffer.wait()
  buffer.append(Buffer.of(4))
  assert.equal(buffer.isReady, false, 'a wish stays')
})

test('a length above the limit, negative or not a number is refused, however many bytes are here', () => {
  const buffer = new ReceiveBuffer(8)
  for (const length of [9, 2 ** 31, Number.POSITIVE_INFINITY, -1, Number.NEGATIVE_INFINITY, Number.NaN]) {
    assert.throws(() => buffer.has(length), ProtocolError)
  }
  buffer.append(Buffer.alloc(20))
  assert.throws(() => buffer.has(9), { name: 'ProtocolError', message: 'message length 9 exceeds 8' })
  assert.throws(() => buffer.has(-1), { name: 'ProtocolError', message: 'message length -1 is not a length' })
  assert.equal(buffer.has(8), true)
  assert.equal(buffer.has(0), true)
})

test('what take returned is never written again', () => {
  const buffer = new ReceiveBuffer()
  const taken: { view: Buffer; text: string }[] = []
  let random = 7
  for (let n = 0; n < 3000; n++) {
    random = (random * 48271) % 0x7fffffff
    buffer.append(Buffer.alloc(1 + (random % 50), n & 0xff))
    if (random % 3 === 0) buffer.compact()
    while (buffer.length > random % 40) {
      const view = buffer.take(1 + (random % Math.min(buffer.length, 30)))
      taken.push({ view, text: view.toString('hex') })
    }
  }
  for (const { view, text } of taken) assert.equal(view.toString('hex'), text)
})

test('bytes come out in order and unchanged however they were cut', () => {
  const buffer = new ReceiveBuffer()
  const sent: Buffer[] = []
  const received: Buffer[] = []
  let random = 11
  for (let n = 0; n < 2000; n++) {
    random = (random * 48271) % 0x7fffffff
    const chunk = Buffer.alloc(random % 300, n & 0xff)
    sent.push(Buffer.from(chunk))
    buffer.append(chunk)
    const wish = random % 997
    if (buffer.has(wish)) received.push(buffer.take(wish))
  }
  received.push(buffer.take(buffer.length))
  assert.ok(Buffer.concat(sent).equals(Buffer.concat(received)))
})

test('a chunk that meets no rest is handed on without a copy', () => {
  const buffer = new ReceiveBuffer()
  const chunk = Buffer.from('abcdef')
  buffer.append(chunk)
  assert.equal(buffer.take(6), chunk)
  const second = Buffer.from('ghijkl')
  buffer.append(second)
  assert.equal(buffer.take(3).buffer, second.buffer)
})

test('an announced length is not paid for before its bytes arrive', () => {
  const buffer = new ReceiveBuffer(1 << 30)
  buffer.append(Buffer.alloc(100))
  buffer.has(1 << 30)
  buffer.append(Buffer.alloc(100))
  assert.ok(buffer.heldBytes <= 400, `${buffer.heldBytes} bytes held for 200`)
})

test('a near wish is held exactly', () => {
  const buffer = new ReceiveBuffer()
  buffer.append(Buffer.alloc(600))
  buffer.has(1500)
  buffer.append(Buffer.alloc(300))
  assert.equal(buffer.heldBytes, 1500)
})

test('a large message is held as it comes, and joined once, exactly as long as it is', () => {
  const chunk = (n: number) => Buffer.alloc(64 * 1024, n)
  const buffer = new ReceiveBuffer()
  buffer.append(Buffer.alloc(100, 1))
  const bytes = 100 + 20 * 64 * 1024
  assert.equal(buffer.has(bytes), false)
  for (let n = 1; n < 20; n++) buffer.append(chunk(n))
  assert.equal(buffer.isReady, false)
  assert.equal(buffer.heldBytes, bytes - 64 * 1024)
  assert.equal(buffer.length, buffer.heldBytes)
  buffer.append(chunk(20))
  assert.equal(buffer.isReady, true)
  assert.equal(buffer.has(bytes), true)
  assert.equal(buffer.heldBytes, bytes)
  const message = buffer.take(bytes)
  for (let n = 1; n <= 20; n++) {
    assert.equal(message[100 + (n - 1) * 64 * 1024], n)
    assert.equal(message[99 + n * 64 * 1024], n)
  }
  assert.deepEqual([buffer.length, buffer.heldBytes], [0, 0])
})

test('large messages one after the other are each joined once, exactly as long as they are', () => {
  const [bytes, count] = [70_000, 50]
  const sent = Buffer.concat(Array.from({ length: count }, (_, n) => Buffer.alloc(bytes, n)))
  const buffer = new ReceiveBuffer()
  const taken: Buffer[] = []
  for (let from = 0; from < sent.length; from += 64 * 1024) {
    buffer.append(Buffer.from(sent.subarray(from, from + 64 * 1024)))
    while (buffer.has(20) && buffer.u8(19) >= 0 && buffer.has(bytes)) taken.push(buffer.take(bytes))
    buffer.compact()
    // nothing is prepaid
    assert.ok(buffer.heldBytes <= Math.max(bytes, buffer.length), `${buffer.heldBytes} for ${buffer.length}`)
  }
  assert.equal(taken.length, count)
  for (const message of taken.slice(0, -1)) assert.equal(message.buffer.byteLength, bytes)
  assert.ok(Buffer.concat(taken).equals(sent))
  assert.equal(buffer.length, 0)
})

test('messages behind a large one stay as they are when more is received', () => {
  const buffer = new ReceiveBuffer()
  const sent: Buffer[] = []
  const taken: Buffer[] = []
  const lengths = [40_000, 10, 3000, 40_000, 5, 20_000, 7, 7, 60_000]
  const stream = Buffer.concat(lengths.map((length, n) => Buffer.alloc(length, n + 1)))
  let wanted = 0
  for (let from = 0; from < stream.length; from += 24 * 1024) {
    const chunk = Buffer.from(stream.subarray(from, from + 24 * 1024))
    sent.push(Buffer.from(chunk))
    buffer.append(chunk)
    for (let length = lengths[wanted]; length !== undefined && buffer.has(length); length = lengths[++wanted])
      taken.push(buffer.take(length))
    buffer.compact()
  }
  assert.equal(wanted, lengths.length)
  assert.ok(Buffer.concat(taken).equals(Buffer.concat(sent)))
})

test('single bytes behind large parts do not cost more memory than they are', () => {
  const buffer = new ReceiveBuffer()
  buffer.append(Buffer.alloc(64 * 1024))
  buffer.has(10 * 1024 * 1024)
  buffer.compact()
  buffer.append(Buffer.alloc(64 * 1024))
  for (let n = 0; n < 100_000; n++) buffer.append(Buffer.of(n & 0xff))
  assert.equal(buffer.length, 128 * 1024 + 100_000)
  assert.ok(buffer.heldBytes < buffer.length + 16 * 1024, `${buffer.heldBytes} bytes held for ${buffer.length}`)
  for (const n of [0, 1, 255, 65_535, 99_999]) assert.equal(buffer.u8(128 * 1024 + n), n & 0xff)
  buffer.clear()
  assert.deepEqual([buffer.length, buffer.heldBytes], [0, 0])
})

test('large chunks come out in order and unchanged, whatever is asked for meanwhile', () => {
  const buffer = new ReceiveBuffer()
  const sent: Buffer[] = []
  const received: Buffer[] = []
  let random = 5
  for (let n = 0; n < 600; n++) {
    random = (random * 48271) % 0x7fffffff
    const chunk = Buffer.alloc(random % 3 === 0 ? random % 100 : random % 70_000, n & 0xff)
    sent.push(Buffer.from(chunk))
    buffer.append(chunk)
    const wish = random % 400_000
    if (random % 7 === 0 && buffer.length > 10)
      assert.equal(buffer.u8(buffer.length - 1), sent.findLast((each) => each.length > 0)?.at(-1))
    if (random % 11 === 0) buffer.compact()
    if (buffer.has(wish)) received.push(buffer.take(wish))
  }
  received.push(buffer.take(buffer.length))
  assert.ok(Buffer.concat(sent).equals(Buffer.concat(received)))
})

test('compact lets go of a large chunk of which little is unread', () => {
  const buffer = new ReceiveBuffer()
  buffer.append(Buffer.alloc(65536, 1))
  buffer.take(65530)
  buffer.compact()
  assert.ok(buffer.heldBytes <= 64)
  assert.deepEqual([...buffer.take(6)], [1, 1, 1, 1, 1, 1])
  assert.equal(buffer.heldBytes, 0)
})

test('compact returns the chunk with the begin of a large message, unless a message before it is a view of it', () => {
  const chunk = Buffer.alloc(64 * 1024)
  for (const taken of [0, 100]) {
    const buffer = new ReceiveBuffer()
    buffer.append(chunk)
    const before = buffer.take(taken)
    buffer.has(1024 * 1024)
    assert.equal(buffer.compact(), taken === 0 ? chunk : undefined)
    assert.equal(before.length, taken)
    assert.equal(buffer.length, chunk.length - taken)
    assert.equal(buffer.compact(), undefined)
  }
})

test('compact returns a chunk that was joined with the next one, once, unless a message is a view of it', () => {
  for (const taken of [0, 100]) {
    const buffer = new ReceiveBuffer()
    const chunk = Buffer.alloc(64 * 1024, 1)
    buffer.append(chunk)
    const before = buffer.take(taken)
    assert.equal(buffer.has(70_000 - taken), false)
    assert.equal(buffer.compact(), undefined, 'it is not joined yet')
    buffer.append(Buffer.alloc(70_000 - chunk.length, 2))
    const message = buffer.take(70_000 - taken)
    assert.notEqual(message.buffer, chunk.buffer)
    assert.equal(buffer.compact(), taken === 0 ? chunk : undefined)
    assert.equal(buffer.compact(), undefined)
    assert.equal(before.length, taken)
  }
})

test('clear forgets bytes, wish and search', () => {
  const buffer = filled([1, 2, 3])
  buffer.has(100)
  buffer.indexOf(10, 0)
  buffer.clear()
  assert.equal(buffer.length, 0)
  buffer.append(Buffer.of(10))
  assert.equal(buffer.isReady, true)
  assert.equal(buffer.indexOf(10, 0), 0)
})

test('indexOf finds the byte from any position, across chunks and after takes', () => {
  const buffer = filled(Buffer.from('ab\ncd'))
  assert.equal(buffer.indexOf(10, 0), 2)
  assert.equal(buffer.indexOf(10, 2), 2)
  assert.equal(buffer.indexOf(10, 3), -1)
  assert.equal(buffer.indexOf(10, 0), 2, 'what was learnt from position 3 says nothing about 0')
  buffer.append(Buffer.from('e\n'))
  assert.equal(buffer.indexOf(10, 3), 6)
  assert.equal(buffer.indexOf(10, 99), -1)
  assert.equal(buffer.indexOf(10, -5), 2)
  assert.equal(buffer.indexOf(13, 0), -1)
  assert.equal(buffer.indexOf(10, 0), 2, 'another byte was looked for in between')
  buffer.take(3)
  assert.equal(buffer.indexOf(10, 0), 3)
  assert.equal(buffer.indexOf(99, 0), 0)
})

test('indexOf agrees with a plain search for random questions', () => {
  let random = 3
  const next = (below: number) => {
    random = (random * 48271) % 0x7fffffff
    return random % below
  }
  const buffer = new ReceiveBuffer()
  let plain = Buffer.alloc(0)
  for (let n = 0; n < 3000; n++) {
    const chunk = Buffer.from(Array.from({ length: next(4) }, () => next(60)))
    plain = Buffer.concat([plain, chunk])
    buffer.append(chunk)
    const byte = 58 + next(2)
    const from = next(plain.length + 2)
    assert.equal(buffer.indexOf(byte, from), plain.indexOf(byte, from))
    if (plain.length < 200) continue
    const taken = next(plain.length)
    buffer.take(taken)
    plain = plain.subarray(taken)
  }
})

/** CPU milliseconds of the fastest of three runs. */
function cpuMs(run: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let n = 0; n < 3; n++) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / 1000)
  }
  return best
}

/** How the cost grows when eight times the bytes come one at a time; 8 is linear, 64 quadratic. */
function growth(small: number, run: (bytes: number) => void): number {
  run(small)
  let ratio = Number.POSITIVE_INFINITY
  // other work on the machine can spoil one measurement, and hardly three
  for (let n = 0; n < 3 && ratio >= 16; n++) {
    const fewMs = cpuMs(() => run(small))
    const manyMs = cpuMs(() => run(8 * small))
    ratio = Math.min(ratio, manyMs / Math.max(fewMs, 1))
  }
  return ratio
}

test('single bytes cost the same in a long message as in a short one', () => {
  for (const wish of [
    { name: 'the whole length', of: (_length: number, bytes: number) => bytes },
    { name: 'one more byte', of: (length: number) => length + 1 },
    { name: 'five more bytes', of: (length: number) => length + 5 },
    { name: 'a tenth more', of: (length: number) => length + Math.ceil(length / 10) },
  ]) {
    const ratio = growth(128 * 1024, (bytes) => {
      const buffer = new ReceiveBuffer()
      for (let n = 0; n < bytes; n++) {
        buffer.append(Buffer.of(1))
        if (buffer.isReady) buffer.has(Math.max(wish.of(buffer.length, bytes), buffer.length))
      }
      assert.equal(buffer.length, bytes)
    })
    assert.ok(ratio < 16, `asking for ${wish.name}: eight times the bytes cost ${ratio.toFixed(1)} times as much`)
  }
})

test('large chunks cost the same in a long message as in a short one, however little more is asked for', () => {
  const chunk = Buffer.alloc(16 * 1024)
  for (const more of [1, 5, 20_000, 100_000]) {
    const ratio = growth(512 * 1024, (bytes) => {
      const buffer = new ReceiveBuffer(64 * 1024 * 1024)
      while (buffer.length < bytes) {
        buffer.append(chunk)
        if (!buffer.isReady) continue
        buffer.u8(buffer.length - 1)
        buffer.has(buffer.length + more)
      }
    })
    assert.ok(ratio < 16, `${more} bytes more: eight times the bytes cost ${ratio.toFixed(1)} times as much`)
  }
})

test('searching a line end from the second byte on costs the same in a long line as in a short one', () => {
  const ratio = growth(64 * 1024, (bytes) => {
    const buffer = new ReceiveBuffer()
    for (let n = 0; n < bytes; n++) {
      buffer.append(Buffer.of(1))
      if (buffer.indexOf(10, 1) < 0) buffer.has(buffer.length + 1)
    }
  })
  assert.ok(ratio < 16, `eight times the bytes cost ${ratio.toFixed(1)} times as much`)
})
