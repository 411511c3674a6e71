import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { FRAMINGS, runCreate, type Tarball } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-create-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** The exit code and what was said, with FOLDER for the folder in which it ran. */
function create(args: readonly string[], pack?: () => readonly Tarball[]): string {
  let said = ''
  const write = (text: string): void => {
    said += text
  }
  const typed = (...words: readonly (string | undefined)[]) => `npm create meltemi-codec ${words.join(' ')}`
  const context = { typed, directory: folder, write, writeError: write }
  const exitCode = runCreate(args, pack ? { ...context, pack } : context)
  return `${exitCode} ${said.replaceAll(folder, 'FOLDER')}`
}

function filesOf(project: string): readonly string[] {
  const entries = readdirSync(join(folder, project), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

test('a project lies in a folder of its name, or where --dir says, and the next steps are said', () => {
  assert.equal(
    create(['first']),
    '0 first is in FOLDER/first. Next:\n\n  cd first\n  npm install\n  npm test\n  npm start\n',
  )
  assert.match(
    create(['second', '--dir', 'some/where']),
    /^0 second is in FOLDER\/some\/where\. Next:\n\n {2}cd some\/where\n/,
  )
  assert.deepEqual(readdirSync(join(folder, 'first')), readdirSync(join(folder, 'some/where')))
})

test('an empty folder is used, one with something in it is not touched', () => {
  mkdirSync(join(folder, 'empty'))
  assert.match(create(['empty']), /^0 /)
  mkdirSync(join(folder, 'full'))
  writeFileSync(join(folder, 'full/precious'), '')
  assert.equal(create(['full']), '1 error: FOLDER/full is not empty\n')
  assert.equal(create(['x', '--dir', 'full/precious']), '1 error: FOLDER/full/precious is a file\n')
  assert.deepEqual(readdirSync(join(folder, 'full')), ['precious'])
})

describe('what is wrong is said in one line:', () => {
  const wrong: readonly (readonly [title: string, args: readonly string[], expected: RegExp])[] = [
    ['no name', [], /the name of the protocol is missing: npm create meltemi-codec my-protocol/],
    ['two names', ['one', 'two'], /one name is enough, got also 'two'/],
    ['upper case', ['MyRpc'], /'MyRpc' is no name/],
    ['a digit first', ['2rpc'], /'2rpc' is no name/],
    ['two hyphens', ['my--rpc'], /'my--rpc' is no name/],
    ['a hyphen last', ['rpc-'], /'rpc-' is no name/],
    ['a path', ['../rpc'], /'\.\.\/rpc' is no name/],
    ['a long name', ['a'.repeat(41)], /41 characters, at most 40/],
    ['an unknown framing', ['rpc', '--framing', 'toString'], /--framing is length, delimiter, fixed, got 'toString'/],
    ['an unknown option', ['rpc', '--directory', 'x'], /'--directory'/],
  ]
  for (const [title, args, expected] of wrong) {
    test(title, () => {
      const said = create(args)
      assert.match(said, /^1 error: [^\n]*\n$/)
      assert.match(said, expected)
    })
  }
})

test('--help has every option and framing, and creates nothing', () => {
  const before = readdirSync(folder)
  for (const flag of ['--help', '-h']) {
    const help = create(['rpc', flag])
    for (const text of ['--dir', '--framing', '-h, --help', 'default: length', 'Exit code', ...Object.keys(FRAMINGS)]) {
      assert.ok(help.includes(text), text)
    }
  }
  assert.deepEqual(readdirSync(folder), before)
})

for (const framing of Object.keys(FRAMINGS)) {
  test(`nothing of the name in the template is left in a project of framing ${framing}`, () => {
    assert.match(create(['left-2-over', '--framing', framing, '--dir', framing]), /^0 /)
    const texts = filesOf(framing).map((file) => [file, readFileSync(file, 'utf8')] as const)
    const left = texts.filter(([file, text]) => /my.?protocol|(?:HELLO|BYE)_COMMAND|_gitignore/i.test(file + text))
    assert.deepEqual(left, [])
    const all = texts.map(([, text]) => text).join('\n')
    for (const name of ['left-2-over', 'left_2_over', 'left2over', 'Left2Over']) assert.ok(all.includes(name), name)
  })
}

test('tarballs are put into the project, which depends on them and on nothing else of ours', () => {
  const names = ['@meltemi/sdk', '@meltemi/cli', '@meltemi/api']
  const tarballs = names.map((name) => ({ name, file: join(folder, `${name.slice(9)}-0.1.0.tgz`) }))
  for (const { file } of tarballs) writeFileSync(file, file)
  assert.match(
    create(['packed'], () => tarballs),
    /^0 /,
  )
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'packed/package.json'), 'utf8'))
  assert.deepEqual(dependencies, {
    '@meltemi/api': 'file:vendor/api-0.1.0.tgz',
    '@meltemi/cli': 'file:vendor/cli-0.1.0.tgz',
    '@meltemi/sdk': 'file:vendor/sdk-0.1.0.tgz',
  })
  for (const { file } of tarballs)
    assert.equal(readFileSync(join(folder, 'packed/vendor', file.slice(folder.length)), 'utf8'), file)
})

test('what cannot be packed is said, and nothing is created', () => {
  const pack = (): never => {
    throw new Error('no compiler')
  }
  assert.equal(create(['unpacked'], pack), '1 error: no compiler\n')
  assert.ok(!readdirSync(folder).includes('unpacked'))
})
