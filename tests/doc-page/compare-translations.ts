/** What a page and its translation must have in common. */

import assert from 'node:assert/strict'

const BLOCK = /^(```\w*\n[\s\S]*?^```)$/gm

/** Blocks, headings, tables, lists and links; `name` is the English page's file. */
export function assertSamePage(english: string, chinese: string, name: string): void {
  assert.ok(find(english, BLOCK).length > 10)
  const translated = name.replace('.md', '.zh-CN.md')
  // a page links to the other language, and to pages in its own
  const plain = (text: string): string => text.replaceAll('.zh-CN.md', '.md').replace(/#.*/, '')
  for (const pattern of [BLOCK, /^(#+) /gm, /^(\|[ -]*\|)/gm, /^(-) /gm]) {
    assert.deepEqual(find(chinese, pattern), find(english, pattern))
  }
  const links = /\]\(([^)#][^)]*)\)/g
  assert.deepEqual(find(chinese, links).map(plain), find(english, links).map(plain))
  assert.ok(english.includes(`(${translated})`) && chinese.includes(`(${name})`))
  const [words, itsWords] = [english, chinese].map((page) => new Set(find(page.replaceAll(BLOCK, ''), /`([^`\n]+)`/g)))
  assert.deepEqual(itsWords, words)
}

/** The steps that a page lists at the top are the headings below. */
export function assertStepsAreHeadings(page: string): void {
  const slugs = find(page, /^## (.+)$/gm).map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  )
  assert.deepEqual(find(page, /\]\(#([^)]+)\)/g), slugs)
}

function find(page: string, pattern: RegExp): readonly string[] {
  return [...page.matchAll(pattern)].map(([, text]) => text as string)
}
