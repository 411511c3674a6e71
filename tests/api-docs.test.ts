import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeApiPages } from '../scripts/api-docs/pages.ts'
import { ROOT } from '../scripts/workspace.ts'

const pages = makeApiPages()
const entries = pages.flatMap(({ files }) => files.flatMap((file) => file.entries))

test('docs/api says what the docstrings say; npm run api-docs writes it', () => {
  assert.equal(pages.length, 2)
  for (const { file, text } of pages) assert.equal(readFileSync(join(ROOT, file), 'utf8'), text)
})

test('every public name has a docstring, and so has every member', () => {
  assert.ok(entries.length > 60)
  const bare = entries.flatMap(({ name, doc, members }) => [
    ...(doc === '' ? [name] : []),
    ...members.filter((member) => member.doc === '').map((member) => `${name}.${member.name}`),
  ])
  assert.deepEqual(bare, [])
})

test('names that are explained are links to where they are explained, once', () => {
  for (const { text } of pages) {
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, name = '']) => name.toLowerCase())
    assert.equal(new Set(headings).size, headings.length)
    const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor as string)
    assert.ok(links.length >= headings.length)
    assert.deepEqual(
      links.filter((anchor) => !headings.includes(anchor)),
      [],
    )
  }
})

test('the reference names no path of a machine and no line of a file', () => {
  for (const { text } of pages) {
    assert.ok(!text.includes(ROOT))
    assert.doesNotMatch(text, /\.ts:\d|#L\d|file:\/\//)
  }
})
