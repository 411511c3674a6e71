import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { digestOf, type SourceFile, withoutVersions } from './module-version.ts'
import { importSources } from './source-hooks.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-sources-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function urlOf(name: string): string {
  return pathToFileURL(join(folder, name)).href
}

test('versions of one file stand side by side, with the helpers that they were read with', async () => {
  const entry = urlOf('main.ts')
  write('main.ts', "import { name } from './helper.ts'\nexport const said: string = name + ' in 1'")
  write('helper.ts', "export const name = 'one'")
  const first = new Map<string, SourceFile>()
  const one = await importSources({ entry, version: 1, known: first })
  assert.deepEqual([...first.keys()].toSorted(), [urlOf('helper.ts'), entry])
  write('helper.ts', "export const name = 'two'")
  const second = new Map<string, SourceFile>()
  const two = await importSources({ entry, version: 2, known: second })
  assert.deepEqual([one['said'], two['said']], ['one in 1', 'two in 1'])
  assert.notEqual(digestOf([...first.values()]), digestOf([...second.values()]))
})

test('what is known is loaded although its files are gone', async () => {
  const entry = urlOf('gone.ts')
  write('gone.ts', "export { kept } from './kept.ts'")
  write('kept.ts', "export const kept = 'still here'")
  const known = new Map<string, SourceFile>()
  await importSources({ entry, version: 3, known })
  unlinkSync(join(folder, 'gone.ts'))
  unlinkSync(join(folder, 'kept.ts'))
  const again = await importSources({ entry, version: 4, known })
  assert.equal(again['kept'], 'still here')
})

test('a file behind a link is read where it really lies', async () => {
  write('real.ts', 'export const here = import.meta.url')
  symlinkSync(join(folder, 'real.ts'), join(folder, 'link.ts'))
  const known = new Map<string, SourceFile>()
  const loaded = await importSources({ entry: urlOf('link.ts'), version: 5, known })
  assert.deepEqual([...known.keys()], [urlOf('real.ts')])
  assert.equal(withoutVersions(String(loaded['here'])), urlOf('real.ts'))
})

test('packages and CommonJS files stay what they are, and are no part of the version', async () => {
  write('old.cjs', "module.exports = { old: 'common' }")
  write('uses.ts', "import old from './old.cjs'\nimport { sep } from 'node:path'\nexport const said = old.old + sep")
  const known = new Map<string, SourceFile>()
  const loaded = await importSources({ entry: urlOf('uses.ts'), version: 6, known })
  assert.equal(loaded['said'], 'common/')
  assert.deepEqual([...known.keys()], [urlOf('uses.ts')])
})

test('a module of too many files is refused, with what to do', async () => {
  const names = Array.from({ length: 257 }, (_, index) => `many-${index}.ts`)
  for (const name of names) write(name, 'export {}')
  write('many.ts', names.map((name) => `import './${name}'`).join('\n'))
  await assert.rejects(importSources({ entry: urlOf('many.ts'), version: 7, known: new Map() }), /256 files.*pack it/)
})

test('a digest depends on names and bytes, not on where the folder lies', () => {
  const files = (base: string, text: string): SourceFile[] => [
    { url: `${base}/codec.ts`, format: 'module-typescript', source: text },
    { url: `${base}/lib/frame.ts`, format: 'module-typescript', source: 'x' },
  ]
  assert.equal(digestOf(files('file:///a', 'y')), digestOf(files('file:///b/c', 'y')))
  assert.notEqual(digestOf(files('file:///a', 'y')), digestOf(files('file:///a', 'z')))
})
