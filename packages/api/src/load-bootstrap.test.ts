import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadBootstrap } from './load-bootstrap.ts'
import { formatProblem } from './model/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'bootstrap-'))
after(() => rmSync(folder, { recursive: true }))

test('a file is read, and named in its problems as the user named it', () => {
  const file = join(folder, 'good.yaml')
  writeFileSync(file, 'node: {id: a}\nnod: {}\n')
  const { config, problems } = loadBootstrap(file, { allowUnknownFields: true })
  assert.equal(config?.node.id, 'a')
  assert.deepEqual(problems.map(formatProblem), [`${file}:2:1: nod: Bootstrap has no field "nod", it is ignored`])
})

test('a file that cannot be read is one problem', () => {
  const binary = join(folder, 'binary')
  writeFileSync(binary, Buffer.from([0xff, 0xfe, 0x00]))
  const cases = [
    [join(folder, 'none.yaml'), 'no such file'],
    [folder, 'is a directory'],
    [binary, 'is not UTF-8 text'],
  ] as const
  for (const [file, reason] of cases) {
    const { config, problems } = loadBootstrap(file)
    assert.equal(config, undefined)
    assert.deepEqual(problems.map(formatProblem), [`${file}: ${reason}`])
  }
})
