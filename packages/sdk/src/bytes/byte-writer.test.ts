import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, type ChunkPool } from './byte-writer.ts'

const big = (fill: number, length = 3000) => Buffer.alloc(length, fill)
const hex = (writer: ByteWriter) => Buffer.concat(writer.flush()).toString('hex')

function tinyPool(chunkBytes: number): ChunkPool & { acquired: number } {
  return {
    chunkBytes,
    acquired: 0,
    acquire() {
      this.acquired++
      return Buffer.alloc(chunkBytes, 0xee)
    },
  }
}

test('integers are written big-endian, little-endian and as varints', () => {
  const out = new ByteWriter()
  out.u8(0x1ff).u16(0x10203).u32(0xfffefdfc).u32(-1).u16le(0x0102).u32le(0xfffefdfc)
  out.varint(0).varint(127).varint(128).varint(0xffffffff).zigzag(-1).zigzag(1).zigzag(-2147483648)
  assert.equal(hex(out), `ff0203fffefdfcffffffff0201fcfdfeff${'007f8001ffffffff0f'}${'0102ffffffff0f'}`)
})

test('64-bit integers are written alike from numbers and bigints', () => {
  for (const value of [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    const expected = Buffer.alloc(8)
    expected.writeBigInt64BE(BigInt(value))
    assert.equal(hex(new ByteWriter().i64(value)), expected.toString('hex'))
    assert.equal(hex(new ByteWriter().i64(BigInt(value))), expected.toString('hex'))
  }
  assert.equal(hex(new ByteWriter().i64(2n ** 64n - 1n)), 'ffffffffffffffff')
})

test('text is written as UTF-8 or one byte a character, short or longer than a chunk', () => {
  const out = new ByteWriter(tinyPool(64))
  const texts = ['', 'héllo €😀', 'x'.repeat(50), 'é'.repeat(500), 'y'.repeat(5000), '\ud800']
  for (const text of texts) out.utf8(text)
  assert.equal(Buffer.concat(out.flush()).toString('utf8'), texts.join('').toWellFormed())
  out.latin1('ÿ').latin1('a'.repeat(500))
  assert.equal(hex(out), `ff${'61'.repeat(500)}`)
})

test('length counts what is not flushed, and flush hands out each byte once and in order', () => {
  const out = new ByteWriter(tinyPool(16))
  out.u32(1).bytes(big(2)).u8(3)
  assert.equal(out.length, 3005)
  const first = Buffer.concat(out.flush())
  assert.ok(first.equals(Buffer.concat([Buffer.of(0, 0, 0, 1), big(2), Buffer.of(3)])))
  assert.equal(out.length, 0)
  assert.deepEqual(out.flush(), [])
  assert.equal(hex(out.u8(4)), '04')
  assert.equal(first.at(-1), 3, 'bytes handed out are not written again')
})

test('slices of a source are written with any bounds, and a slice outside it throws', () => {
  const source = Uint8Array.from({ length: 100 }, (_, n) => n)
  for (const [start, end] of [
    [0, 100],
    [0, 0],
    [100, 100],
    [3, 10],
    [3, 90],
  ] as const) {
    const expected = Buffer.from(source.subarray(start, end)).toString('hex')
    assert.equal(hex(new ByteWriter().bytes(source, start, end)), expected)
    assert.equal(hex(new ByteWriter().bytes(Buffer.from(source), start, end)), expected)
  }
  for (const [start, end] of [
    [0, 101],
    [-1, 4],
    [5, 4],
    [101, 101],
    [Number.NaN, 3],
    [0, 5000],
  ] as const) {
    assert.throws(() => new ByteWriter().bytes(source, start, end), RangeError)
  }
})

test('large slices are kept by reference, small ones joined', () => {
  const large = big(1)
  const parts = new ByteWriter().u8(1).bytes(large).bytes(big(2, 100)).u8(3).flush()
  assert.equal(parts.length, 3)
  assert.equal(parts[1]?.buffer, large.buffer)
  assert.equal(parts[2]?.length, 101)
})

test('back-patching reaches bytes in the open chunk, in closed parts and across their borders', () => {
  for (const chunkBytes of [5, 7, 16, 4096]) {
    const out = new ByteWriter(tinyPool(chunkBytes))
    const expected = Buffer.alloc(3040)
    for (let n = 0; n < 20; n++) out.u8(0)
    out.bytes(big(0))
    for (let n = 0; n < 20; n++) out.u8(0)
    for (const at of [0, 3, 5, 17, 18, 19, 1000, 3017, 3018, 3019, 3020, 3036]) {
      out.setU32(at, 0x01020304 + at)
      expected.writeUInt32BE(0x01020304 + at, at)
    }
    for (const at of [9, 19, 3019, 3038]) {
      out.setU16(at, 0xf0f0 + (at & 7))
      expected.writeUInt16BE(0xf0f0 + (at & 7), at)
    }
    assert.ok(Buffer.concat(out.flush()).equals(expected), `chunks of ${chunkBytes}`)
  }
})

test('back-patching never changes a slice that is kept by reference', () => {
  const message = big(7)
  const out = new ByteWriter().bytes(message)
  out.setU32(1, 0xffffffff)
  assert.ok(message.equals(big(7)))
  assert.equal(Buffer.concat(out.flush()).toString('hex', 0, 6), '07ffffffff07')
})

test('back-patching outside what is written throws', () => {
  const out = new ByteWriter().u32(0)
  assert.throws(() => out.setU32(1, 0), RangeError)
  assert.throws(() => out.setU16(3, 0), RangeError)
  assert.throws(() => out.setU16(-1, 0), RangeError)
  assert.throws(() => out.setU16(Number.NaN, 0), RangeError)
  out.flush()
  assert.throws(() => out.setU16(0, 0), RangeError)
})

test('copy gives a private contiguous head, of a small message all of it', () => {
  const message = Buffer.from('abcdefgh')
  const out = new ByteWriter(tinyPool(16)).u8(0x30)
  const at = out.copy(message, 2)
  out.chunk.write('X', at)
  out.chunk.write('Y', at + 7)
  assert.equal(Buffer.concat(out.flush()).toString(), '0XbcdefgY')
  assert.equal(message.toString(), 'abcdefgh')
})

test('copy of a long message takes its head alone, and what follows stays in order', () => {
  const first = big(0x61)
  const second = big(0x62)
  const out = new ByteWriter()
  out.u8(0x30)
  for (const message of [first, second]) {
    const at = out.copy(message, 10)
    out.chunk.write('HEAD', at)
  }
  out.u8(0x31)
  const parts = out.flush()
  const text = Buffer.concat(parts).toString()
  assert.equal(text, `0HEAD${'a'.repeat(2996)}HEAD${'b'.repeat(2996)}1`)
  assert.ok(first.equals(big(0x61)) && second.equals(big(0x62)))
  assert.equal(parts[1]?.buffer, first.buffer)
})

test('copy makes the head private even where it is longer than a chunk, or the whole message', () => {
  for (const headBytes of [100, 2999, 3000, 9999]) {
    const message = big(1)
    const out = new ByteWriter(tinyPool(64)).u8(9)
    const at = out.copy(message, headBytes)
    const head = Math.min(headBytes, 3000)
    out.chunk.fill(5, at, at + head)
    const written = Buffer.concat(out.u8(9).flush())
    assert.equal(written.length, 3002)
    assert.ok(written.subarray(1, 1 + head).equals(big(5, head)))
    assert.ok(message.equals(big(1)))
  }
})

test('truncate drops exactly what was written since the mark', () => {
  const writes: ((out: ByteWriter) => unknown)[] = [
    (out) => out.u8(1),
    (out) => out.bytes(big(2)),
    (out) => out.u32(3),
    (out) => out.copy(big(4), 20),
    (out) => out.bytes(big(5, 30)),
    (out) => out.bytes(big(6)),
  ]
  for (let kept = 0; kept <= writes.length; kept++) {
    const out = new ByteWriter(tinyPool(32))
    for (const write of writes.slice(0, kept)) write(out)
    const mark = out.length
    for (const write of writes) write(out)
    out.truncate(mark)
    assert.equal(out.length, mark)
    for (const write of writes) write(out)

    const plain = new ByteWriter()
    for (const write of [...writes.slice(0, kept), ...writes]) write(plain)
    assert.equal(hex(out), hex(plain), `mark after ${kept} writes`)
  }
})

test('truncate inside a part keeps its beginning, and never writes to a slice kept by reference', () => {
  const message = big(7)
  const out = new ByteWriter().u8(1).bytes(message)
  out.truncate(1001)
  out.u8(2)
  out.setU16(1000, 0x0909)
  const written = Buffer.concat(out.flush())
  assert.equal(written.length, 1002)
  assert.equal(written.toString('hex', 998), '07070909')
  assert.ok(message.equals(big(7)))
})

test('chunks come from the pool and return to it, except those that do not fit', () => {
  const pool = tinyPool(32)
  const out = new ByteWriter(pool)
  assert.equal(out.releaseChunk(), null)
  out.u32(1)
  assert.equal(pool.acquired, 1)
  out.flush()
  assert.equal(out.releaseChunk()?.length, 32)
  out.bytes(big(1, 500))
  out.flush()
  assert.equal(out.releaseChunk(), null)
  assert.equal(hex(out.u8(5)), '05')
  assert.equal(pool.acquired, 2)
})

test('text that opens a chunk is in it: at the very beginning, and where the chunk before is full', () => {
  const text = (writer: ByteWriter) => Buffer.concat(writer.flush()).toString('latin1')
  assert.equal(text(new ByteWriter(tinyPool(8)).latin1('abc')), 'abc')
  assert.equal(text(new ByteWriter(tinyPool(8)).latin1('abcdef').latin1('ghi')), 'abcdefghi')
  assert.equal(text(new ByteWriter(tinyPool(8)).utf8('ab').u32(0x63646566).utf8('gh')), 'abcdefgh')
})
