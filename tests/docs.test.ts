import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../scripts/workspace.ts'

const PAGES = ['README.md', ...globSync('docs/**/*.md', { cwd: ROOT })]

test('every link between pages leads somewhere', () => {
  const broken = PAGES.flatMap((page) => {
    const links = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/g)]
    return links.map(([, link]) => link as string).filter((link) => !existsSync(join(ROOT, dirname(page), link)))
  })
  assert.deepEqual(broken, [])
})

test('every file that docs/life-of-a-request.md names exists', () => {
  const page = readFileSync(join(ROOT, 'docs/life-of-a-request.md'), 'utf8')
  const named = [...page.matchAll(/`((?:[\w-]+\/)*[\w-]+\.ts)`/g)].map((match) => match[1] as string)
  assert.ok(named.length > 15)
  const known = globSync('packages/*/src/**/*.ts', { cwd: ROOT }).map((file) => `/${file}`)
  assert.deepEqual(
    named.filter((name) => !known.some((file) => file.endsWith(`/${name}`))),
    [],
  )
})

test('every command that README.md names is a script of package.json', () => {
  const page = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = [...page.matchAll(/npm (?:run )?([a-z][\w:-]*)/g)].map((match) => match[1] as string)
  assert.ok(named.length > 5)
  assert.deepEqual(
    named.filter((name) => name !== 'install' && scripts[name] === undefined),
    [],
  )
})
