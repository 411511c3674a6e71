import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromBinary, fromJson, toBinary } from '@bufbuild/protobuf'
import { StructSchema } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { decodeStruct, encodeStruct, type StructFields } from './struct-bytes.ts'

type Nested = { readonly [key: string]: string | Nested }

function fieldsOf(json: Nested): StructFields {
  return new Map(
    Object.entries(json).map(([key, value]) => [key, typeof value === 'string' ? value : fieldsOf(value)] as const),
  )
}

function jsonOf(fields: StructFields): Nested {
  return Object.fromEntries([...fields].map(([key, value]) => [key, typeof value === 'string' ? value : jsonOf(value)]))
}

test('a struct is written as protobuf writes it, with its keys in order', () => {
  const json = { NAME: 'a', LABELS: { version: 'v1', app: '' } }
  const bytes = encodeStruct(fieldsOf(json))
  const ordered = fromJson(StructSchema, { LABELS: { app: '', version: 'v1' }, NAME: 'a' })
  assert.equal(bytes.toString('hex'), Buffer.from(toBinary(StructSchema, ordered)).toString('hex'))
  assert.equal(bytes.toString('hex').slice(0, 20), '0a280a064c4142454c53')
})

test('what protobuf writes is read, with texts and structs only', () => {
  const text = fc.string({ unit: 'binary' }).filter((key) => key !== '__proto__')
  const { nested } = fc.letrec<{ nested: Record<string, unknown> }>((tie) => ({
    nested: fc.dictionary(text, fc.oneof({ maxDepth: 1 }, text, fc.double(), fc.boolean(), tie('nested'))),
  }))
  const only = (json: Record<string, unknown>): Nested =>
    Object.fromEntries(
      Object.entries(json).flatMap(([key, value]): [string, string | Nested][] => {
        if (typeof value === 'string') return [[key, value]]
        return typeof value === 'object' && value !== null ? [[key, only(value as Record<string, unknown>)]] : []
      }),
    )
  fc.assert(
    fc.property(nested, (json) => {
      const wellFormed = JSON.parse(JSON.stringify(json, (_, value) => (Number.isNaN(value) ? 0 : value)))
      const bytes = Buffer.from(toBinary(StructSchema, fromJson(StructSchema, wellFormed)))
      assert.deepEqual(jsonOf(decodeStruct(bytes)), only(wellFormed))
    }),
  )
})

test('any struct of texts comes back as it was, also through protobuf', () => {
  const text = fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__')
  fc.assert(
    fc.property(fc.dictionary(text, fc.oneof(text, fc.dictionary(text, text))), (json) => {
      const bytes = encodeStruct(fieldsOf(json))
      assert.deepEqual(jsonOf(decodeStruct(bytes)), structuredClone(json))
      assert.equal(Object.keys(fromBinary(StructSchema, bytes).fields).length, Object.keys(json).length)
    }),
  )
})

test('any bytes are a struct or a RangeError, in time', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        decodeStruct(Buffer.from(bytes))
      } catch (error: unknown) {
        assert.ok(error instanceof RangeError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a length beyond the message, a varint without an end and deep nesting are refused', () => {
  for (const hex of ['0a05', '0a', 'ff'.repeat(11), '0b', '0d0000', 'fa01ffffffff0f']) {
    assert.throws(() => decodeStruct(Buffer.from(hex, 'hex')), RangeError, hex)
  }
  let deep: StructFields = new Map([['a', 'b']])
  for (let depth = 1; depth < 4; depth++) deep = new Map([['a', deep]])
  assert.equal(decodeStruct(encodeStruct(deep)).size, 1)
  assert.throws(() => decodeStruct(encodeStruct(new Map([['a', deep]]))), RangeError)
})
