import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { brpc } from '@meltemi/codecs/brpc'
import { dubbo } from '@meltemi/codecs/dubbo'
import { thrift } from '@meltemi/codecs/thrift'
import { trpc } from '@meltemi/codecs/trpc'
import type { CodecDefinition, Side } from '@meltemi/sdk'
import * as judge from '@meltemi/sdk/testing'
import { checksummed, mutable, optioned, ordered, session, streaming, uuid } from '../harness/codecs/index.ts'
import { corpus, largeCorpus } from './corpus.ts'

const GARBAGE = { garbageInputs: 100_000, seed: Number(process.env['FUZZ_SEED'] ?? 1), ruleLimitMs: 100_000 }
const PIPELINED = 10_000
const SIDES: readonly Side[] = ['downstream', 'upstream']

test('there are right bytes of both sides for every codec', () => {
  for (const { definition, samples } of corpus) {
    assert.deepEqual([...new Set(samples.map(({ side }) => side))].sort(), SIDES, definition.name)
  }
})

test('every split gives the same messages', () => {
  for (const { definition, samples } of corpus) judge.assertConforms(definition, samples, { rules: ['D7'] })
})

test('a message cut off at any byte is waited for', () => {
  for (const { definition, samples } of corpus) judge.assertConforms(definition, samples, { rules: ['D5', 'D6'] })
})

test('a message above the limit is refused on both sides', () => {
  for (const { definition, samples } of corpus) judge.assertConforms(definition, samples, { rules: ['D9'] })
})

test('100,000 random inputs for each codec end in messages, in waiting or in a ProtocolError', () => {
  for (const { definition, samples } of corpus) {
    const short = samples.filter(({ bytes }) => bytes.length < 200)
    judge.assertConforms(definition, short, { ...GARBAGE, rules: ['D11'] })
  }
})

test('10,000 pipelined messages come out once each and in order', () => {
  for (const { definition, samples } of corpus) {
    const repeatable = samples.filter(({ once, bytes }) => !once && bytes.length < 200)
    const chosen = SIDES.flatMap((side) => repeatable.filter((sample) => sample.side === side).slice(0, 2))
    judge.assertConforms(definition, chosen, { rules: ['D8'], pipelined: PIPELINED })
  }
})

test('eight times the bytes, one at a time, cost less than sixteen times the CPU', () => {
  for (const { definition, large } of largeCorpus) judge.assertDecodesInLinearTime(definition, large)
})

/** Beginnings that can never become a message, each refused although the rest is missing. */
const HOPELESS: readonly [CodecDefinition, string, string][] = [
  [awesomerpc, 'length 0', '01 0000002a 00000000 0007 0000'],
  [awesomerpc, 'length below the header', '01 0000002a 0000000c 0007 0000'],
  [awesomerpc, 'negative length', '01 0000002a 80000000 0007 0000'],
  [awesomerpc, 'oversize length', '01 0000002a ffffffff 0007 0000'],
  [dubbo, 'wrong magic', '4745 5420 2f20 4854 5450'],
  [dubbo, 'negative length', 'dabb c200 00000000 00000001 ffffffff'],
  [dubbo, 'oversize length', 'dabb c200 00000000 00000001 7fffffff'],
  [dubbo, 'length above that of Dubbo', 'dabb c200 00000000 00000001 01000001'],
  [brpc, 'wrong magic', '5052 5045 00000004 00000004'],
  [brpc, 'oversize body', '50525043 ffffffff 00000004'],
  [brpc, 'meta longer than the body', '50525043 00000004 00000005'],
  [thrift, 'wrong magic', '4745 5420 2f20 4854 5450'],
  [thrift, 'lax binary', '00000001 61 01 00000005'],
  [thrift, 'oversize frame', '7fffffff 80010001 00000001'],
  [thrift, 'negative frame', 'fffffff0 80010001 00000001'],
  [thrift, 'negative name, unframed binary', '80010001 ffffffff 61616161'],
  [thrift, 'oversize name, unframed binary', '80010001 7fffffff 61616161'],
  [thrift, 'negative text, unframed binary', '80010001 00000001 61 00000005 0b0001 ffffffff 00'],
  [thrift, 'oversize text, unframed binary', '80010001 00000001 61 00000005 0b0001 7fffffff 00'],
  [thrift, 'unknown field type, unframed binary', '80010001 00000001 61 00000005 630001 00000000 00'],
  [thrift, 'endless varint, unframed compact', '8221 ffffffffffffffffffffffffff 01 61 00'],
  [trpc, 'wrong magic', '0931 0000 00000010 0000 00000000 0000'],
  [trpc, 'unknown frame type', '0930 0200 00000010 0000 00000000 0000'],
  [trpc, 'a stream frame in a unary one', '0930 0002 00000010 0000 00000001 0000'],
  [trpc, 'a stream frame that is none', '0930 0105 00000010 0000 00000001 0000'],
  [trpc, 'size below the head', '0930 0000 0000000f 0000 00000000 0000'],
  [trpc, 'header longer than the frame', '0930 0000 00000010 0001 00000000 0000'],
  [trpc, 'oversize', '0930 0000 ffffffff 0000 00000000 0000'],
  [trpc, 'stream 0', '0930 0102 00000010 0000 00000000 0000'],
  [uuid, 'length below the header', `00000014 ${'00'.repeat(17)}`],
  [uuid, 'oversize length', `ffffffff ${'00'.repeat(17)}`],
  [checksummed, 'wrong magic', '5ac4 0f000000 00000000 00'],
  [checksummed, 'no room for the checksum', '5ac3 0e000000 00000000 00'],
  [checksummed, 'oversize length', '5ac3 ffffffff 00000000 00'],
  [ordered, 'no carriage return', '4745540a'],
  [ordered, 'oversize block', Buffer.from('SET a $99999999999999999999\r\n').toString('hex')],
  [streaming, 'wrong magic', `a4 00 00 00 00000014 ${'00'.repeat(12)}`],
  [streaming, 'unknown type', `a5 09 00 00 00000014 ${'00'.repeat(12)}`],
  [streaming, 'length below the header', `a5 07 00 00 00000013 ${'00'.repeat(12)}`],
  [streaming, 'oversize length', `a5 07 00 00 80000000 ${'00'.repeat(12)}`],
  [session, 'unknown verb', '5a 00000009 00000001'],
  [session, 'length below the header', '51 00000008 00000001'],
  [session, 'oversize length', '51 ffffffff 00000001'],
  [optioned, 'length below the header', '00000008 00000001 00'],
  [optioned, 'oversize length', 'ffffffff 00000001 00'],
  [mutable, 'pairs longer than the message', '0000000b 00000001 00 ffff'],
  [mutable, 'oversize length', 'ffffffff 00000001 00 0000'],
]

test('wrong magic, negative and oversize lengths are refused before the rest has come, on both sides', () => {
  for (const [definition, name, text] of HOPELESS) {
    const bytes = Buffer.from(text.replaceAll(' ', ''), 'hex')
    for (const side of SIDES) {
      for (const chunks of [[bytes], judge.singleBytes(bytes)]) {
        const refusal = { name: 'ProtocolError' }
        assert.throws(
          () => judge.feed(definition, { name, side, bytes }, chunks),
          refusal,
          `${definition.name}: ${name}`,
        )
      }
    }
  }
})
