import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import type { Finding } from './finding.ts'
import { loadFindings, saveFinding, saveReplayTest } from './finding-files.ts'
import { inputOf } from './fuzz-input.ts'
import { replayFindings } from './replay-findings.ts'

const root = mkdtempSync(join(tmpdir(), 'meltemi-findings-'))
after(() => rmSync(root, { recursive: true }))

function finding(bytes: string, more: Partial<Finding> = {}): Finding {
  const input = inputOf({ name: 'found', side: 'upstream', bytes: Buffer.from(bytes, 'hex'), config: { a: 1 } })
  return {
    codec: 'mine',
    rule: 'exception',
    what: 'decode threw\nTypeError: no',
    detail: 'at',
    input,
    seed: 7,
    ...more,
  }
}

test('a finding is a sample that says what was wrong, and is read again as it was', async () => {
  const folder = join(root, 'fuzz')
  const file = saveFinding(folder, finding('00ff'))
  assert.match(basename(file), /^[0-9a-f]{8}\.reply\.hex$/)
  assert.deepEqual(readFileSync(file, 'utf8').split('\n'), [
    '# exception: decode threw TypeError: no',
    '# mine, side upstream, seed 7',
    '# config: {"a":1}',
    '00ff',
    '',
  ])
  const [sample] = await loadFindings(folder)
  assert.deepEqual([sample!.side, sample!.bytes, sample!.config], ['upstream', Buffer.of(0, 0xff), { a: 1 }])
})

test('the same input is one file, whatever run found it; other bytes, options or sides are others', () => {
  const folder = join(root, 'several')
  const { input } = finding('0102')
  saveFinding(folder, finding('0102'))
  saveFinding(folder, finding('0102', { seed: 8, what: 'again' }))
  assert.equal(readdirSync(folder).length, 1)
  saveFinding(folder, finding('0103'))
  saveFinding(folder, finding('', { input: { ...input, config: undefined } }))
  saveFinding(folder, finding('', { input: { ...input, side: 'downstream' } }))
  assert.equal(readdirSync(folder).length, 4)
})

test('the test that is written imports the codec by its path and its name, and is never overwritten', () => {
  const folder = join(root, 'project/fuzz')
  const file = saveReplayTest(folder, { codec: "o'mine", file: join(root, 'project/src/codec.ts') })
  const text = readFileSync(file, 'utf8')
  assert.equal(basename(file), 'fuzz.test.ts')
  assert.ok(text.includes("import { codecs } from '../src/codec.ts'"), text)
  assert.ok(text.includes("codecs.find(({ name }) => name === 'o\\'mine')!"), text)
  writeFileSync(file, 'mine')
  saveReplayTest(folder, { codec: 'mine', file: join(root, 'project/src/codec.ts') })
  assert.equal(readFileSync(file, 'utf8'), 'mine')
})

test('beside a codec in JavaScript the test is JavaScript', () => {
  const file = saveReplayTest(join(root, 'js/fuzz'), { codec: 'mine', file: join(root, 'js/codec.js') })
  assert.equal(basename(file), 'fuzz.test.mjs')
  assert.ok(!readFileSync(file, 'utf8').includes(')!'))
})

test('a folder that is not there has no findings, and nothing to replay', async () => {
  const none = join(root, 'none')
  assert.deepEqual(await loadFindings(none), [])
  const definition = { name: 'mine', contract: 1, correlation: 'id', create: () => assert.fail() } as const
  assert.throws(() => replayFindings(definition, none), /none: no findings to replay/)
})
