import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StreamAssembler } from './stream-assembler.ts'

const BYTES = Buffer.from(Array.from({ length: 400 }, (_, n) => n % 251))

/** What came out: bytes, and gaps as numbers. */
class Witness {
  readonly parts: (Buffer | number)[] = []
  readonly packets: number[] = []
  readonly assembler: StreamAssembler
  #packet = 0

  constructor(maxWaitingBytes = 1_000_000) {
    const data = (bytes: Buffer, { packet }: { packet: number }): void => {
      this.parts.push(bytes)
      this.packets.push(packet)
    }
    const gap = (bytes: number): void => void this.parts.push(bytes)
    this.assembler = new StreamAssembler({ data, gap }, maxWaitingBytes)
  }

  push(sequence: number, payload: Buffer, more: { missing?: number; isFin?: boolean } = {}): void {
    const { missing = 0, isFin = false } = more
    this.assembler.push({ sequence: sequence >>> 0, payload, missing, isFin }, { packet: ++this.#packet, timeNs: 0n })
  }

  get text(): string {
    return this.parts.map((part) => (typeof part === 'number' ? `<${part}>` : part.toString())).join('')
  }

  get bytes(): Buffer {
    return Buffer.concat(this.parts.map((part) => (typeof part === 'number' ? Buffer.alloc(part, 0xff) : part)))
  }
}

interface Cut {
  readonly start: number
  readonly length: number
}

/** Segments that cover all bytes, and others that repeat and overlap them, in any order. */
const cuts: fc.Arbitrary<readonly Cut[]> = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: BYTES.length - 1 }), { maxLength: 30 }),
    fc.array(fc.record({ start: fc.nat(BYTES.length - 1), length: fc.nat(60) }), { maxLength: 20 }),
  )
  .chain(([places, others]) => {
    const bounds = [0, ...places.toSorted((a, b) => a - b), BYTES.length]
    const cover = bounds.slice(1).map((end, n) => ({ start: bounds[n]!, length: end - bounds[n]! }))
    const all = [...cover, ...others]
    return fc.shuffledSubarray(all, { minLength: all.length })
  })

test('any order, repetition and overlap of segments gives the same bytes, also where sequence numbers begin anew', () => {
  const starts = fc.oneof(fc.constantFrom(0, 0xffffffff, 0xffffff00, 0x7ffffff0), fc.nat(0xffffffff))
  fc.assert(
    fc.property(cuts, starts, (segments, first) => {
      const witness = new Witness()
      witness.assembler.start(first)
      for (const { start, length } of segments) {
        witness.push(first + start, BYTES.subarray(start, start + length))
        // the receiver has what has come without a hole, and says so
        witness.assembler.acknowledge((first + witness.bytes.length) >>> 0)
      }
      assert.deepEqual(witness.bytes, BYTES)
      assert.equal(witness.assembler.heldBytes, 0)
    }),
    { numRuns: 2000 },
  )
})

test('whatever is missing, what comes out has a gap of the right size there', () => {
  fc.assert(
    fc.property(cuts, fc.array(fc.boolean(), { minLength: 51, maxLength: 51 }), (segments, kept) => {
      const witness = new Witness()
      witness.assembler.start(77)
      const expected = Buffer.alloc(BYTES.length, 0xff)
      let last = 0
      for (const [n, { start, length }] of segments.entries()) {
        if (!kept[n]) continue
        const payload = BYTES.subarray(start, start + length)
        witness.push(77 + start, payload)
        expected.set(payload, start)
        if (payload.length > 0) last = Math.max(last, start + payload.length)
      }
      witness.assembler.finish()
      assert.deepEqual(witness.bytes, expected.subarray(0, last))
    }),
    { numRuns: 1000 },
  )
})

test('a hole is waited for until the receiver acknowledges what lies in it', () => {
  const witness = new Witness()
  witness.assembler.start(0)
  witness.push(0, Buffer.from('ab'))
  witness.push(5, Buffer.from('f'))
  witness.assembler.acknowledge(2)
  witness.assembler.acknowledge(4)
  assert.equal(witness.text, 'ab')
  witness.assembler.acknowledge(5)
  assert.equal(witness.text, 'ab<3>f')
})

test('what comes for a hole after it was given up is passed over', () => {
  const witness = new Witness()
  witness.assembler.start(0)
  witness.push(3, Buffer.from('def'))
  witness.assembler.acknowledge(6)
  witness.push(0, Buffer.from('abcd'))
  witness.push(6, Buffer.from('g'))
  assert.equal(witness.text, '<3>defg')
})

test('a hole is given up when too much waits behind it', () => {
  const witness = new Witness(1000)
  witness.assembler.start(0)
  for (let n = 1; n <= 10; n++) witness.push(n * 100, Buffer.alloc(100, 'x'))
  assert.ok(witness.assembler.heldBytes <= 1000)
  assert.equal(witness.text, `<100>${'x'.repeat(1000)}`)
})

test('segments of one byte cannot hold more than the limit says', () => {
  const witness = new Witness(10_000)
  witness.assembler.start(0)
  for (let n = 0; n < 5000; n++) {
    witness.push(10 + 2 * n, Buffer.from('x'))
    assert.ok(witness.assembler.heldBytes <= 10_000)
  }
})

test('what comes before its turn arrives with the packet that lets it through', () => {
  const witness = new Witness()
  witness.assembler.start(0)
  witness.push(1, Buffer.from('b'))
  witness.push(0, Buffer.from('a'))
  witness.push(5, Buffer.from('f'))
  witness.push(7, Buffer.from('h'))
  witness.assembler.finish()
  assert.equal(witness.text, 'ab<3>f<1>h')
  assert.deepEqual(witness.packets, [2, 2, 3, 4])
})

test('the bytes that a snap length cut off are a gap', () => {
  const witness = new Witness()
  witness.assembler.start(0)
  witness.push(0, Buffer.from('ab'), { missing: 3 })
  witness.push(5, Buffer.from('f'), { missing: 1 })
  witness.push(5, Buffer.from('f'), { missing: 1 })
  witness.push(7, Buffer.from('h'))
  assert.equal(witness.text, 'ab<3>f<1>h')
})

test('a direction is over when all before its FIN has come', () => {
  const witness = new Witness()
  witness.assembler.start(0)
  witness.push(2, Buffer.from('c'), { isFin: true })
  assert.ok(!witness.assembler.isEnded)
  witness.push(0, Buffer.from('ab'))
  assert.ok(witness.assembler.isEnded)
})

test('a probe of a byte that has come is passed over', () => {
  const witness = new Witness()
  witness.assembler.start(0)
  witness.push(0, Buffer.from('ab'))
  witness.push(1, Buffer.from('?'))
  witness.push(2, Buffer.from('c'))
  assert.equal(witness.text, 'abc')
})
