import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadResources } from './load-resources.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-resources-'))
after(() => rmSync(folder, { recursive: true }))

function service(name: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: {} })
}

test('a folder is read file by file in the order of names, without hidden files, other files and folders', () => {
  const mesh = join(folder, 'mesh')
  mkdirSync(join(mesh, 'more.yaml'), { recursive: true })
  for (const name of ['b.yml', 'a.yaml', 'c.json', '.d.yaml', 'e.txt', 'f.yaml~', 'more.yaml/g.yaml'])
    writeFileSync(join(mesh, name), service(name.replaceAll(/\W/g, '-').replaceAll(/^-|-$/g, '')))
  const { resources, problems } = loadResources(mesh)
  assert.deepEqual(problems, [])
  assert.deepEqual(
    resources.map(({ file }) => file),
    ['a.yaml', 'b.yml', 'c.json'].map((name) => join(mesh, name)),
  )
})

test('a file is read whatever its name is', () => {
  const file = join(folder, 'resources.txt')
  writeFileSync(file, service('a'))
  assert.equal(loadResources(file).resources.length, 1)
})

test('what is not there, or no text, is a problem with the name of the file', () => {
  const binary = join(folder, 'binary.yaml')
  writeFileSync(binary, Buffer.from([0xff, 0xfe]))
  for (const [file, message] of [
    [join(folder, 'nothing'), 'no such file or folder'],
    [binary, 'is not UTF-8 text'],
  ]) {
    assert.deepEqual(loadResources(file as string).problems, [
      { severity: 'error', file, line: 0, column: 0, path: '', message, code: 'unreadable' },
    ])
  }
})
