import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CodecDefinition } from '@meltemi/sdk'
import { type Finding, type FuzzInput, type FuzzOptions, type FuzzReport, fuzz } from '@meltemi/sdk/testing'
import { createPlanted, DEFECTS, type Defect, plantedSamples } from './planted-defects.ts'

const MINUTE_MS = 60_000

function find(defect: Defect | undefined, options: FuzzOptions): FuzzReport {
  return fuzz(createPlanted(defect), plantedSamples, { seed: 1, hangMs: 200, maxFindings: 1, ...options })
}

/** What each defect shows itself by. */
const SHOWN: Readonly<Record<Defect, readonly [rule: Finding['rule'], what: RegExp, most: number]>> = {
  'field past the end': ['facts', /headerSize is \d+ in a message of \d+ bytes/, 24],
  'rare value': ['exception', /decode threw TypeError: tag 127 is not there at planted-defects\.ts:\d+/, 24],
  'empty element': ['hang', /has not ended/, 24],
  'consumed too early': ['waiting', /waits for data but has consumed/, 16],
  'kind of the message before': ['state', /something else behind others than alone/, 32],
  'long id': ['ids', /patchIds does not write the ids/, 24],
  'announced memory': ['memory', /much more memory than it was sent/, 16],
  'read again and again': ['reads', /far more often than there are bytes/, 1024],
  'another connection': ['state', /another connection reads a sample otherwise/, 8192],
  'wide name': ['error reply', /error reply does not decode/, 32],
  'written in place': ['immutable', /received have been changed/, 16],
  'lost field': ['encode', /encode has changed the message/, 24],
}

for (const [defect, about] of Object.entries(DEFECTS) as [Defect, string][]) {
  test(`within a minute it is found that ${about}`, () => {
    const { findings, inputs } = find(defect, { forMs: MINUTE_MS })
    const [finding] = findings
    assert.ok(finding !== undefined, `nothing among ${inputs} inputs`)
    const [rule, what, mostBytes] = SHOWN[defect]
    const { bytes } = finding.input
    assert.equal(finding.rule, rule, finding.what)
    assert.match(finding.what, what)
    assert.ok(bytes.length <= mostBytes, `${bytes.length} bytes: ${bytes.toString('hex')}`)
  })
}

test('nothing is found in the same codec without a defect', () => {
  const { findings, inputs } = find(undefined, { forMs: MINUTE_MS, inputs: 10_000 })
  assert.deepEqual(findings, [])
  assert.equal(inputs, 10_000)
})

test('a seed makes the same inputs again, another seed makes others', () => {
  const inputsOf = (seed: number): string[] => {
    const inputs = new Set<string>()
    const onInput = ({ side, bytes }: FuzzInput) => inputs.add(`${side} ${bytes.toString('hex')}`)
    find(undefined, { seed, inputs: 3000, hangMs: 5000, onInput })
    return [...inputs]
  }
  const [once, again, other] = [7, 7, 8].map(inputsOf)
  assert.ok(once!.length > 2000)
  assert.equal(again!.join(), once!.join())
  assert.notEqual(other!.join(), once!.join())
})

test('a finding that is given as a seed is found at once', () => {
  const [finding] = find('rare value', { forMs: MINUTE_MS }).findings
  const { side, bytes } = finding!.input
  const again = find('rare value', { inputs: 0, seeds: [{ name: 'earlier', side, bytes }] })
  assert.equal(again.findings[0]?.what, finding!.what)
})

test('only the chosen side is tried', () => {
  const sides = new Set<string>()
  find(undefined, { side: 'upstream', inputs: 1000, onInput: ({ side }) => sides.add(side) })
  assert.deepEqual([...sides], ['upstream'])
})

test('several defects are found one by one', () => {
  const [changing, miscounting] = [createPlanted('written in place'), createPlanted('wide name')]
  const both: CodecDefinition = {
    ...changing,
    create(side, config) {
      const codec = changing.create(side, config)
      const other = miscounting.create(side, config)
      codec.onError = (request, failure, out) => other.onError(request, failure, out)
      return codec
    },
  }
  const { findings } = fuzz(both, plantedSamples, { forMs: MINUTE_MS, maxFindings: 2 })
  assert.deepEqual(findings.map(({ rule }) => rule).sort(), ['error reply', 'immutable'])
})
