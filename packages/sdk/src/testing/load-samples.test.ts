import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { formatSampleText, loadSamples, type Sample } from './index.ts'

function folderOf(t: TestContext, files: Readonly<Record<string, string | Buffer>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'samples-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}

test('a folder gives its samples by name, requests of the client and replies of the service', async (t) => {
  const folder = folderOf(t, {
    'b.reply.bin': Buffer.of(7, 8),
    'a.request.hex': '# the first of all\n00 0102 # a number\n\t03AB\r\n',
    'README.md': 'captured somewhere',
  })
  assert.deepEqual(await loadSamples(folder), [
    { name: 'a', side: 'downstream', bytes: Buffer.from('00010203ab', 'hex') },
    { name: 'b', side: 'upstream', bytes: Buffer.of(7, 8) },
  ])
  assert.equal((await loadSamples(join(folder, 'b.reply.bin')))[0]?.name, 'b')
})

const FULL: Sample = {
  name: 'full',
  side: 'downstream',
  bytes: Buffer.alloc(70, 0xee),
  messages: 2,
  config: { json: 1 },
  once: true,
  changeable: ['a', 'b'],
  mutable: false,
  ids: false,
}

test('comment lines of a hex file set every field, and what is written is read back', async (t) => {
  const text = formatSampleText(FULL, 'found by accident\non a Monday')
  assert.match(text, /^# found by accident\n# on a Monday\n# messages: 2\n# config: {"json":1}\n# once: true\n/)
  const folder = folderOf(t, { 'full.request.hex': text })
  assert.deepEqual(await loadSamples(folder), [FULL])
  const bare = folderOf(t, { 'bare.reply.hex': formatSampleText({ bytes: Buffer.of(1) }) })
  assert.deepEqual(await loadSamples(bare), [{ name: 'bare', side: 'upstream', bytes: Buffer.of(1) }])
})

test('a module gives the samples that it exports', async (t) => {
  const module = (side: string) => `export const samples = [{ name: 'x', side: ${side}, bytes: Buffer.of(1, 2) }]\n`
  const folder = folderOf(t, { 'right.ts': module(`'upstream' as const`), 'wrong.mjs': module(`'left'`) })
  assert.deepEqual(await loadSamples(join(folder, 'right.ts')), [
    { name: 'x', side: 'upstream', bytes: Buffer.of(1, 2) },
  ])
  await assert.rejects(loadSamples(join(folder, 'wrong.mjs')), {
    message: `${join(folder, 'wrong.mjs')}: samples[0]: x: 'side' should be 'downstream' or 'upstream'`,
  })
})

test('what is wrong with a file is said with its path and line', async (t) => {
  for (const [name, content, fault] of [
    ['a.request.hex', '01\n0g', ':2: "g" is not a hexadecimal digit'],
    ['a.request.hex', '01\n02 3', ':2: 3 hexadecimal digits are no whole bytes'],
    ['a.request.hex', '# only words', ': no bytes'],
    ['a.request.hex', '01\n# messages: two', ':2: messages: expected a whole number above 0, got "two"'],
    ['a.request.hex', '# once: maybe\n01', ':1: once: expected true or false, got "maybe"'],
    ['a.request.hex', '# changeable: a,,b\n01', ':1: changeable: expected names with commas between them, got "a,,b"'],
    ['a.reply.bin', '', ': no bytes'],
    ['a.hex', '01', ': expected NAME.request.hex, NAME.reply.hex or the same with .bin'],
    ['a.mjs', 'export const sample = 1', ": exports no array 'samples'"],
  ] as const) {
    const file = join(folderOf(t, { [name]: content }), name)
    await assert.rejects(loadSamples(file), { message: `${file}${fault}` })
  }
  const file = join(folderOf(t, { 'a.request.hex': '01\n# config: {' }), 'a.request.hex')
  await assert.rejects(loadSamples(file), (error: Error) => error.message.startsWith(`${file}:2: config: `))
})

test('a folder without samples and a path that does not exist are refused', async (t) => {
  const folder = folderOf(t, { 'README.md': '' })
  await assert.rejects(loadSamples(folder), /: no samples, expected NAME\.request\.hex/)
  await assert.rejects(loadSamples(join(folder, 'absent')), /absent: no such file or folder$/)
})
