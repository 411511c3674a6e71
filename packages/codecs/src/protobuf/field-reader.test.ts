import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, type MessageId, ProtocolError } from '@meltemi/sdk'
import { FieldCopy } from './field-copy.ts'
import { FieldReader } from './field-reader.ts'
import { varintBytes, writeInt64 } from './varint.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** Number and wire type of each field, and where its value lies. */
function fieldsOf(text: string): string[] {
  const bytes = hex(text)
  const fields = new FieldReader().start(bytes, 0, bytes.length)
  const found: string[] = []
  while (fields.next())
    found.push(`${fields.tag >> 3}/${fields.tag & 7} ${bytes.toString('hex', fields.valueAt, fields.end)}`)
  return found
}

test('fields of every wire type are walked over, unknown ones too', () => {
  const text = '0896 01' + '1203 616263' + '19 0102030405060708' + '25 01020304' + 'faffffff0f 00'
  assert.deepEqual(fieldsOf(text), ['1/0 9601', '2/2 616263', '3/1 0102030405060708', '4/5 01020304', '-1/2 '])
  assert.deepEqual(fieldsOf(''), [])
})

const REFUSED: Readonly<Record<string, readonly [bytes: string, why: RegExp]>> = {
  'a tag without a value': ['08', /ends within a varint/],
  'a varint cut off': ['08ff', /ends within a varint/],
  'a varint of eleven bytes': ['08ffffffffffffffffffff01', /longer than 10/],
  'a field number of 0': ['0001', /no field number/],
  'a tag above 32 bits': ['888080808001', /no field number/],
  'a text longer than the message': ['120461', /field of 4 bytes where 1 are left/],
  'a text of 2⁶³ bytes': ['12ffffffffffffffffff00', /where 0 are left/],
  'eight bytes that are seven': ['0901020304050607', /field of 8 bytes/],
  'four bytes that are three': ['0d010203', /field of 4 bytes/],
  'a group': ['0b', /wire type 3/],
  'wire type 6': ['0e', /wire type 6/],
}

for (const [name, [bytes, why]] of Object.entries(REFUSED)) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => fieldsOf(bytes),
      (error) => error instanceof ProtocolError && why.test(error.message),
    )
  })
}

const INTEGERS: readonly (readonly [MessageId, string])[] = [
  [0, '00'],
  [127, '7f'],
  [128, '8001'],
  [0xffffffff, 'ffffffff0f'],
  [2 ** 35, '808080808001'],
  [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
  [2n ** 62n, '808080808080808040'],
  [-1, 'ffffffffffffffffff01'],
  [-(2n ** 63n), '80808080808080808001'],
]

test('64-bit integers are written and read in as few bytes as they take', () => {
  for (const [value, text] of INTEGERS) {
    const out = new ByteWriter()
    writeInt64(value, out)
    const bytes = Buffer.concat(out.flush())
    assert.equal(bytes.toString('hex'), text, String(value))
    const field = Buffer.concat([hex('08'), bytes])
    const fields = new FieldReader().start(field, 0, field.length)
    assert.equal(fields.next(), true)
    assert.equal(fields.int64, value)
  }
  assert.deepEqual([0, 127, 128, 16383, 16384, 0xffffffff].map(varintBytes), [1, 1, 2, 2, 3, 5])
})

test('a copy has all fields but the dropped ones, and others in the place of the replaced ones', () => {
  const bytes = hex('ff 0801 120161 0802 1a0162 ff')
  const out = new ByteWriter()
  const copy = new FieldCopy(bytes, 1, bytes.length - 1, out)
  while (copy.next()) {
    if (copy.fields.tag === 0x08) copy.replace(300)
    if (copy.fields.tag === 0x12) copy.drop()
  }
  assert.equal(Buffer.concat(out.flush()).toString('hex'), '08ac02' + '08ac02' + '1a0162')
})
