import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { conformance, judge, RULES } from '@meltemi/sdk/testing'
import { brokenCodecs } from './broken/broken-codecs.ts'
import { complete, completeSamples } from './complete.ts'

/** Enough for defects as plain as these. */
const EFFORT = { garbageInputs: 500, messages: 2000 }

conformance(complete, completeSamples)

test('there is a broken codec for every rule', () => {
  assert.deepEqual(
    RULES.map(({ id }) => id).filter((id) => !brokenCodecs.some(({ rule }) => rule === id)),
    [],
  )
})

for (const { rule, definition, samples, input } of brokenCodecs) {
  test(`${rule} alone finds the codec that breaks it, with the shortest bytes and the line`, () => {
    const failed = judge(definition, samples, EFFORT).outcomes.filter((outcome) => outcome.kind === 'fail')
    assert.deepEqual(
      failed.map(({ id }) => id),
      [rule],
    )
    const { failure } = failed[0]!
    assert.deepEqual(failure.input, input)
    const { file, line } = failure.place!
    const text = readFileSync(file, 'utf8').split('\n')[line - 1]
    assert.ok(text?.endsWith(`// ${rule}`), `${file}:${line}: ${text}`)
  })
}
