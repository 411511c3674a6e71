/** Codecs that are right although they do things their own way: every rule lets them pass. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CodecDefinition } from '@meltemi/sdk'
import { judge, type Sample } from '@meltemi/sdk/testing'
import { checksummedSamples, orderedSamples, uuidSamples } from '../harness/codecs/samples.ts'
import { login, loginSamples } from './login.ts'

interface OddCodec {
  readonly definition: CodecDefinition
  readonly samples: readonly Sample[]
}

/** The codec passes; returns the rules that are not about it. */
function judged({ definition, samples }: OddCodec): readonly string[] {
  const { outcomes } = judge(definition, samples)
  assert.deepEqual(
    outcomes.filter(({ kind }) => kind === 'fail' || kind === 'not-run'),
    [],
  )
  return outcomes.filter(({ kind }) => kind === 'not-applicable').map(({ id }) => id)
}

test('text with CRLF and without ids passes', () => {
  const others = judged(orderedSamples)
  for (const id of ['D7', 'D9', 'D12', 'D13', 'R1', 'H2', 'S1', 'S4']) assert.ok(!others.includes(id), id)
  for (const id of ['E3', 'E4', 'R3', 'T1']) assert.ok(others.includes(id), id)
})

test('little-endian with a CRC trailer over the id passes', () => {
  const others = judged(checksummedSamples)
  for (const id of ['D10', 'D12', 'E3', 'E4', 'E5', 'E6', 'R3']) assert.ok(!others.includes(id), id)
})

test('ids of 16 bytes pass', () => {
  const others = judged(uuidSamples)
  for (const id of ['D10', 'D12', 'D13', 'E3', 'E4', 'R3']) assert.ok(!others.includes(id), id)
})

test('a greeting and a login frame that come once and look different pass', () => {
  const others = judged({ definition: login, samples: loginSamples })
  for (const id of ['D7', 'D9', 'D11', 'E1', 'R1', 'R2', 'R4', 'S2', 'S3']) assert.ok(!others.includes(id), id)
  for (const id of ['D8', 'S1', 'S4']) assert.ok(others.includes(id), id)
})
