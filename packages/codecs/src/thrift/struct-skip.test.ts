import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from '@meltemi/sdk'
import {
  assertDecodesInLinearTime,
  decodeSample,
  feed,
  MessageReader,
  type Sample,
  singleBytes,
} from '@meltemi/sdk/testing'
import { thrift } from './index.ts'

const BINARY_CALL = '80010001 00000001 61 00000001'
const COMPACT_CALL = '8221 01 01 61'
const MAX_DEPTH = 64
/** Small, so that the collection of so many chunks is not what is measured. */
const BASE_BYTES = 4096

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
const u32 = (value: number) => value.toString(16).padStart(8, '0')
const sampleOf = (bytes: Buffer): Sample => ({ name: 'struct', side: 'downstream', bytes })

/** Structs that end exactly where they say: binary, then compact. */
const VALUES: Readonly<Record<string, readonly [binary: string, compact: string]>> = {
  'no fields': ['00', '00'],
  bools: ['020001 01 020002 00 00', '11 12 00'],
  'fixed widths': [
    '030001 7f 060002 7fff 080003 7fffffff 0a0004 7fffffffffffffff 040005 3ff0000000000000 00',
    '13 7f 14 feff03 15 feffffff0f 16 feffffffffffffffff01 17 000000000000f03f 00',
  ],
  uuids: ['100001 00112233445566778899aabbccddeeff 00', '1d 00112233445566778899aabbccddeeff 00'],
  'an empty and a long string': [
    `0b0001 00000000 0b0002 ${u32(300)} ${'00'.repeat(300)} 00`,
    `18 00 18 ac02 ${'00'.repeat(300)} 00`,
  ],
  'field ids that jump and go back': ['02ffff 01 027fff 01 020001 01 00', '01 01 02 feff03 01 02 00'],
  'a list of each length form': [
    `0f0001 08 00000002 00000001 00000002 0f0002 03 ${u32(20)} ${'00'.repeat(20)} 00`,
    `19 25 02 04 19 f3 14 ${'00'.repeat(20)} 00`,
  ],
  'lists of bools and of structs': [
    '0f0001 02 00000003 010001 0f0002 0c 00000002 00 020001 01 00 00',
    '19 31 010201 19 2c 00 11 00 00',
  ],
  'sets and maps': [
    '0e0001 0b 00000001 00000001 61 0d0002 0b 08 00000001 00000000 00000001 00',
    '1a 18 01 61 1b 01 85 00 02 00',
  ],
  'a map of lists of maps': [
    '0d0001 08 0f 00000001 00000001 0d 00000002 02 02 00000000 02 02 00000001 01 00 00',
    '1b 01 59 02 2b 00 01 11 01 02 00',
  ],
  'empty containers without types': [
    '0f0001 00 00000000 0e0002 01 00000000 0d0003 00 00 00000000 00',
    '19 00 1a 00 1b 00 00',
  ],
  'structs in structs': ['0c0001 0c0001 00 0b0002 00000001 00 00 00', '1c 1c 00 18 01 00 00 00'],
}

for (const [name, [binary, compact]] of Object.entries(VALUES)) {
  test(`a struct with ${name} ends where it ends`, () => {
    for (const bytes of [hex(BINARY_CALL + binary), hex(COMPACT_CALL + compact)]) {
      const twice = { ...sampleOf(Buffer.concat([bytes, bytes])), messages: 2 }
      const messages = decodeSample(thrift, twice)
      assert.deepEqual(
        messages.map((message) => message.message),
        [bytes, bytes],
      )
      const dripped = feed(thrift, twice, singleBytes(twice.bytes))
      assert.deepEqual(
        dripped.map((message) => message.message),
        [bytes, bytes],
      )
    }
  })
}

const REFUSED: Readonly<Record<string, readonly [bytes: string, why: RegExp]>> = {
  'a void field': [`${BINARY_CALL} 010001 00`, /field type 1/],
  'an unknown field type': [`${BINARY_CALL} ff0001 00`, /field type 255/],
  'an unknown compact field type': [`${COMPACT_CALL} 1f 00`, /field type 15/],
  'a compact stop with a field id': [`${COMPACT_CALL} 10 00`, /field type 0/],
  'a list of 2³¹−1 voids': [`${BINARY_CALL} 0f0001 01 7fffffff`, /unknown type/],
  'a list of 2³¹−1 bools': [`${BINARY_CALL} 0f0001 02 7fffffff`, /exceeds/],
  'a list of 2³¹−1 structs': [`${BINARY_CALL} 0f0001 0c 7fffffff 0000`, /exceeds/],
  'a map of 2³¹−1 structs to structs': [`${BINARY_CALL} 0d0001 0c0c 7fffffff 0000`, /exceeds/],
  'a map of unknown types': [`${BINARY_CALL} 0d0001 0b05 00000001`, /unknown type/],
  'a compact list of 2³¹−1 structs': [`${COMPACT_CALL} 19 fc ffffffff07 00`, /exceeds/],
  'a compact list of unknown type': [`${COMPACT_CALL} 19 10`, /unknown type/],
  'a compact map of 2³¹−1 bools': [`${COMPACT_CALL} 1b ffffffff07 11`, /exceeds/],
  'a negative string length': [`${BINARY_CALL} 0b0001 ffffffff`, /length -1 is negative/],
  'a negative list length': [`${BINARY_CALL} 0f0001 08 80000000`, /length -2147483648 is negative/],
  'a negative map length': [`${BINARY_CALL} 0d0001 0808 ffffffff`, /length -1 is negative/],
  'a negative compact length': [`${COMPACT_CALL} 18 ffffffff0f`, /length -1 is negative/],
  'a string above the limit': [`${BINARY_CALL} 0b0001 7fffffff`, /exceeds/],
  'a varint of eleven bytes': [`${COMPACT_CALL} 16 ${'ff'.repeat(10)}01`, /longer than 10/],
  'a length of six bytes': [`${COMPACT_CALL} 18 ffffffffff01`, /longer than 5/],
}

for (const [name, [bytes, why]] of Object.entries(REFUSED)) {
  test(`${name} is refused`, () => {
    const sample = sampleOf(hex(bytes))
    const hasText = (error: unknown) => error instanceof ProtocolError && why.test(error.message)
    assert.throws(() => feed(thrift, sample, [sample.bytes]), hasText)
    assert.throws(() => feed(thrift, sample, singleBytes(sample.bytes)), hasText)
  })
}

test('values may be nested to a limit, and no deeper', () => {
  for (const [call, open, listOpen] of [
    [BINARY_CALL, '0c0001', '0f0001 0c 00000001'],
    [COMPACT_CALL, '1c', '19 1c'],
  ] as const) {
    // each list of structs opens two levels
    const nested = (depth: number) => hex(call + open.repeat(depth) + '00'.repeat(depth + 1))
    const lists = (depth: number) => hex(`${call}${listOpen.repeat(depth)}00`)
    assert.equal(decodeSample(thrift, sampleOf(nested(MAX_DEPTH - 1))).length, 1)
    for (const bytes of [nested(MAX_DEPTH), nested(100_000), lists(MAX_DEPTH / 2)]) {
      assert.throws(() => feed(thrift, sampleOf(bytes), [bytes]), /nested deeper than 64/)
    }
  }
})

const MANY: Readonly<Record<string, (bytes: number) => Buffer>> = {
  'binary lists of short strings': (bytes) => {
    const count = Math.floor(bytes / 5)
    return hex(`${BINARY_CALL} 0f0001 0b ${u32(count)} ${'00000001 61'.repeat(count)} 00`)
  },
  'binary fields': (bytes) => hex(`${BINARY_CALL} ${'020001 01'.repeat(bytes / 4)} 00`),
  'compact fields': (bytes) => hex(`${COMPACT_CALL} ${'16 feffffffffffffff01'.repeat(bytes / 10)} 00`),
  'compact lists of empty structs': (bytes) =>
    hex(`${COMPACT_CALL} ${`19 ac${'00'.repeat(10)}`.repeat(bytes / 12)} 00`),
}

for (const [name, make] of Object.entries(MANY)) {
  test(`single bytes of ${name} are decoded in linear time`, () => {
    assertDecodesInLinearTime(thrift, (bytes) => sampleOf(make(bytes)), BASE_BYTES)
  })
}

test('a long string is jumped over: decode is not called for its bytes', () => {
  const bytes = hex(`${BINARY_CALL} 0b0001 ${u32(100_000)} ${'61'.repeat(100_000)} 00`)
  const reader = new MessageReader(thrift.create('downstream', undefined), 'downstream')
  const found = singleBytes(bytes).flatMap((chunk) => reader.push(chunk))
  assert.equal(found.length, 1)
  assert.ok(reader.decodeCalls < 20, `${reader.decodeCalls} calls`)
})
