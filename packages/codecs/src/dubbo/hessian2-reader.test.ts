import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { ByteWriter, ProtocolError } from '@meltemi/sdk'
import { Random } from '@meltemi/sdk/testing'

import { Hessian2Reader } from './hessian2-reader.ts'
import { writeText } from './hessian2-text-writer.ts'

/** npm's hessian.js, which comes without types. */
const hessian: { encode(value: unknown, version: string): Buffer; decode(bytes: Buffer, version: string): unknown } =
  createRequire(import.meta.url)('hessian.js')
const MAX_DEPTH = 4096
const MAX_CLASSES = 4096
const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

function reading(bytes: Buffer): Hessian2Reader {
  const reader = new Hessian2Reader()
  reader.start(bytes, 0)
  return reader
}

/** Where the value ends that these bytes begin with. */
function valueEnd(bytes: Buffer): number {
  const reader = reading(bytes)
  reader.skipValue()
  return reader.at
}

function textOf(bytes: Buffer): string {
  const reader = reading(bytes)
  reader.readText()
  assert.equal(reader.at, bytes.length)
  return reader.text ?? bytes.toString('latin1', reader.textStart, reader.textEnd)
}

function writtenText(text: string): Buffer {
  const out = new ByteWriter()
  writeText(text, out)
  return Buffer.concat(out.flush())
}

/** Values that end exactly where they say. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'null and booleans': ['4e', '54', '46'],
  'ints of each width': ['80', '90', 'bf', 'c000', 'cfff', 'd00000', 'd7ffff', '49 7fffffff'],
  'longs of each width': ['d8', 'ef', 'f000', 'ffff', '380000', '3fffff', '59 7fffffff', '4c 7fffffffffffffff'],
  'doubles of each width': ['5b', '5c', '5d 80', '5e 8000', '5f 00000000', '44 3ff0000000000000'],
  'dates of both widths': ['4a 0000000000000000', '4b 00000000'],
  'strings of each length form': ['00', '01 61', '3003 616161', '53 0002 6161'],
  'strings in chunks': ['52 0001 61 00', '52 0001 61 52 0001 61 02 6161', '52 0001 61 3001 61', '52 0000 53 0001 61'],
  'strings whose characters have two and three bytes': ['02 c3a9 e282ac', '53 0002 c3a9 e282ac'],
  'a pair of surrogates: three bytes each, four for both, four counted once': [
    '02 eda0bd edb880',
    '02 f09f9880',
    '01 f09f9880',
  ],
  'a pair of surrogates in two chunks': ['52 0001 eda0bd 01 edb880'],
  'binaries of each length form': ['20', '22 5a5a', '3402 5a5a', '42 0001 5a'],
  'binaries in chunks': ['41 0001 5a 20', '41 0001 5a 41 0000 42 0001 5a', '41 0001 5a 3401 5a'],
  'lists up to an end mark': ['57 5a', '57 90 57 5a 91 5a', '55 01 61 90 5a'],
  'lists with a length': ['58 90', '58 92 90 91', '56 01 61 91 4e', '78', '7f 90919293949596'],
  'lists of a type, and of one that came before': ['70 01 61', '72 01 61 71 90 91 92'],
  maps: ['48 5a', '48 01 61 90 5a', '4d 01 61 01 61 4e 5a', '48 90 4d 91 5a 5a'],
  'maps whose keys are containers': ['48 78 90 48 5a 79 4e 5a'],
  objects: ['43 01 61 92 01 78 01 79 60 90 91', '43 01 61 91 01 78 4f 90 4e', '43 01 61 90 60'],
  'objects of a class that came before': ['7b 43 01 61 91 01 78 60 90 60 91 4f 90 92'],
  'objects in objects': ['43 01 61 91 01 78 60 43 01 62 91 01 79 61 60 4e'],
  'two definitions before one object': ['43 01 61 90 43 01 62 91 01 78 61 90'],
  'references, also of a list to itself': ['51 90', '51 49 00000000', '79 51 90', '48 01 61 51 90 5a'],
}

for (const [name, values] of Object.entries(VALUES)) {
  test(`passed as one value: ${name}`, () => {
    for (const value of values) {
      const bytes = hex(value)
      assert.equal(valueEnd(bytes), bytes.length, value)
      assert.equal(valueEnd(Buffer.concat([bytes, bytes])), bytes.length, value)
      // whatever is cut off is missed
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => valueEnd(bytes.subarray(0, length)), ProtocolError, `${length} bytes of ${value}`)
      }
    }
  })
}

const REFUSED: Readonly<Record<string, readonly [bytes: string, why: RegExp]>> = {
  nothing: ['', /beyond the body/],
  'a reserved byte': ['40', /byte 40 does not begin a value/],
  'an end mark for a value': ['5a', /byte 5a does not begin/],
  'a map that ends before a value': ['48 01 61 5a', /byte 5a does not begin/],
  'an object of no class': ['60', /class 0 of 0 is not defined/],
  'an object of a class to come': ['43 01 61 90 61', /class 1 of 1/],
  'an object of a negative class': ['43 01 61 90 4f 8f', /class -1/],
  'a definition without an object': ['43 01 61 90 4e', /byte 4e behind a class definition/],
  'a definition whose name is no string': ['43 90 90 60', /does not begin a string/],
  'a list of 2³¹−1 values': ['58 49 7fffffff 90', /2147483647 values do not fit/],
  'a list of −1 values': ['58 8f 90', /-1 values/],
  'a class of 2³¹−1 fields': ['43 01 61 49 7fffffff 01 78', /2147483647 values/],
  'a string longer than the body': ['53 ffff 61', /65535 units/],
  'a character that begins with a later byte': ['01 80', /byte 80 does not begin a character/],
  'a character that begins with a byte of none': ['01 ff', /byte ff/],
  'a character longer than the body': ['01 e282', /beyond the body/],
  'a binary longer than the body': ['42 ffff 5a', /beyond the body/],
  'a binary that an int goes on': ['41 0001 5a 90', /byte 90 does not go on a binary/],
  'a string that an int goes on': ['52 0001 61 90', /byte 90 does not begin a string/],
  'a type that is neither a string nor a number': ['55 54 5a', /does not begin an int/],
  'a reference that is no number': ['51 4e', /does not begin an int/],
}

for (const [name, [bytes, why]] of Object.entries(REFUSED)) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => valueEnd(hex(bytes)),
      (error: unknown) => error instanceof ProtocolError && why.test(error.message),
    )
  })
}

test('values may be nested to a limit, and no deeper', () => {
  for (const [open, close] of [
    ['57', '5a'],
    ['79', '4e'],
    ['48 90', '4e 5a'],
  ] as const) {
    assert.throws(() => valueEnd(hex(open.repeat(1_000_000) + close)), /nested deeper than 4096/)
  }
  const lists = (depth: number) => hex('57'.repeat(depth) + '5a'.repeat(depth))
  assert.equal(valueEnd(lists(MAX_DEPTH)), 2 * MAX_DEPTH)
  assert.throws(() => valueEnd(lists(MAX_DEPTH + 1)), /nested deeper than 4096/)
})

test('classes may be defined to a limit, and no more, also one behind the other', () => {
  const classes = (count: number) => hex(`${'43 00 90'.repeat(count)} 60`)
  assert.equal(valueEnd(classes(MAX_CLASSES)), 3 * MAX_CLASSES + 1)
  assert.throws(() => valueEnd(classes(MAX_CLASSES + 1)), /more than 4096 classes/)
})

test('what was defined for one message is not known in the next', () => {
  const reader = reading(hex('43 01 61 90 60'))
  reader.skipValue()
  reader.start(hex('60'), 0)
  assert.throws(() => reader.skipValue(), /class 0 of 0/)
})

test('ints are read in each width', () => {
  for (const [bytes, value] of [
    ['80', -16],
    ['90', 0],
    ['bf', 47],
    ['c000', -2048],
    ['c7ff', -1],
    ['cfff', 2047],
    ['d00000', -262_144],
    ['d3ffff', -1],
    ['d7ffff', 262_143],
    ['49 80000000', -2_147_483_648],
    ['49 7fffffff', 2_147_483_647],
  ] as const) {
    assert.equal(reading(hex(bytes)).readInt(), value)
  }
  assert.throws(() => reading(hex('e0')).readInt(), ProtocolError)
})

const TEXTS: Readonly<Record<string, string>> = {
  '': '00',
  abc: '03 616263',
  'é€': '02 c3a9 e282ac',
  '😀': '02 eda0bd edb880',
}

test('strings are read in whatever form, and written as Java writes them', () => {
  for (const [text, bytes] of Object.entries(TEXTS)) {
    assert.equal(textOf(hex(bytes)), text)
    assert.equal(writtenText(text).toString('hex'), hex(bytes).toString('hex'))
  }
  assert.equal(textOf(hex('02 f09f9880')), '😀')
  assert.equal(textOf(hex('01 f09f9880')), '😀')
  assert.equal(textOf(hex('52 0001 eda0bd 01 edb880')), '😀')
  assert.equal(textOf(hex('52 0001 61 52 0001 c3a9 3001 62')), 'aéb')
  // half a pair is no character, but a string of Java may hold it
  assert.equal(textOf(hex('01 eda0bd')), '\ud83d')
  assert.equal(writtenText('\ud83d').toString('hex'), '01eda0bd')
})

test('bytes that are no UTF-8 are refused where they would be a text', () => {
  for (const bytes of ['01 c181', '01 c080', '01 e08080', '02 f0808080', '02 f4908080', '01 c341', '01 e28241']) {
    assert.throws(() => textOf(hex(bytes)), ProtocolError, bytes)
  }
})

test('long strings are written in chunks that end between characters', () => {
  for (const length of [31, 32, 1023, 1024, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x1_8001, 200_000]) {
    for (const text of ['x'.repeat(length), `${'x'.repeat(length - 1)}é`, `x${'😀'.repeat(length >> 1)}`]) {
      const bytes = writtenText(text)
      assert.equal(textOf(bytes), text)
      assert.equal(valueEnd(bytes), bytes.length)
      assert.equal(hessian.decode(bytes, '2.0'), text)
    }
  }
})

/** Whatever npm's hessian.js can write. */
function drawValue(random: Random, depth: number): unknown {
  switch (random.below(depth > 0 ? 14 : 9)) {
    case 0:
      return null
    case 1:
      return random.below(2) === 0
    case 2:
      return random.below(600_000) - 300_000
    case 3:
      return { $class: 'double', $: random.below(1 << 30) / 7 }
    case 4:
      return random.below(1000) / 8
    case 5:
      return new Date(random.below(2 ** 31) * 1000)
    case 6:
      return random.bytes(random.below(3000))
    case 7:
      return drawText(random)
    case 8:
      return { $class: 'long', $: random.below(2 ** 31) }
    case 9:
    case 10:
      return Array.from({ length: random.below(12) }, () => drawValue(random, depth - 1))
    case 11:
      return Object.fromEntries(
        Array.from({ length: random.below(5) }, (_, n) => [`k${n}`, drawValue(random, depth - 1)]),
      )
    case 12:
      return { $class: 'java.util.TreeMap', $: { a: drawValue(random, depth - 1) } }
    default:
      return {
        $class: `org.example.Pojo${random.below(3)}`,
        $: { name: drawText(random), next: drawValue(random, depth - 1), same: null },
      }
  }
}

function drawText(random: Random): string {
  const letters = ['a', 'Z', 'é', '€', '中', '😀']
  return Array.from({ length: random.below(60) }, () => letters[random.below(letters.length)]).join('')
}

test('values of another implementation end where they end', () => {
  const random = new Random(Number(process.env['FUZZ_SEED'] ?? 1))
  for (let n = 0; n < 3000; n++) {
    const value = drawValue(random, 5)
    const bytes = hessian.encode(value, '2.0')
    assert.equal(valueEnd(bytes), bytes.length, bytes.toString('hex'))
  }
})

test('strings of another implementation are read as it means them, and ours by it', () => {
  const random = new Random(7)
  for (let n = 0; n < 2000; n++) {
    const text = drawText(random)
    assert.equal(textOf(hessian.encode(text, '2.0')), text)
    assert.equal(hessian.decode(writtenText(text), '2.0'), text)
  }
})
