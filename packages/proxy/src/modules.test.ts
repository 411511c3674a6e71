import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { formatProblem } from '@meltemi/api'
import { ProtocolError } from '@meltemi/sdk'
import { absoluteModulePaths, loadModules } from './modules.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-modules-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function problemsOf(name: string, text: string): Promise<readonly string[]> {
  const { problems } = await loadModules([write(name, text)])
  return problems.map((problem) => formatProblem(problem).replaceAll(folder, 'DIR'))
}

const CODEC = "{ name: 'x', contract: 1, correlation: 'id', create: () => ({}) }"

test("a TypeScript module outside the checkout finds the proxy's own sdk", async () => {
  const path = write(
    'my-codec.ts',
    `import { type CodecDefinition, ProtocolError } from '@meltemi/sdk'
     import * as kit from '@meltemi/sdk/testing'
     const mine: CodecDefinition = { name: 'mine', contract: 1, correlation: 'id', create: () => { throw new ProtocolError(typeof kit) } }
     export const codecs: CodecDefinition[] = [mine]`,
  )
  const { codecs, problems } = await loadModules([path])
  assert.deepEqual(problems, [])
  assert.equal(codecs[0]?.name, 'mine')
  assert.throws(() => codecs[0]?.create('upstream', undefined), ProtocolError)
})

test('codecs and filters of several modules come in order', async () => {
  const first = write('first.mjs', `export const codecs = [${CODEC}, ${CODEC.replace("'x'", "'y'")}]`)
  const second = write(
    'second.ts',
    "export const filters = [{ name: 'f', typeUrl: 'example.F', parse: () => null, create: () => ({}) }] as const",
  )
  const { codecs, filters, problems } = await loadModules([first, pathToFileURL(second).href])
  assert.deepEqual(problems, [])
  assert.deepEqual(
    [...codecs, ...filters].map(({ name }) => name),
    ['x', 'y', 'f'],
  )
})

test('a path given twice, or as a URL, is one module', () => {
  assert.deepEqual(absoluteModulePaths(['/a/b.ts', 'file:///a/b.ts', '/a/../a/b.ts']), ['/a/b.ts'])
})

describe('what is wrong with a module is said in one line:', () => {
  const broken: readonly (readonly [name: string, text: string, expected: RegExp])[] = [
    ['no-exports.ts', 'export const other = 1', /neither 'codecs' nor 'filters'/],
    ['no-array.ts', 'export const codecs = {}', /'codecs' should be an array, and is object/],
    ['no-object.ts', 'export const codecs = [null]', /codecs\[0\]: should be an object, and is null/],
    ['no-name.ts', 'export const codecs = [{}]', /codecs\[0\]: 'name' should be/],
    [
      'other-contract.ts',
      "export const codecs = [{ name: 'x', contract: 2 }]",
      /codecs\[0\]: codec 'x' is written for contract 2, this proxy speaks contract 1: upgrade the proxy, /,
    ],
    [
      'no-correlation.ts',
      "export const codecs = [{ name: 'x', contract: 1 }]",
      /'correlation' should be 'id' or 'order'/,
    ],
    [
      'no-create.ts',
      "export const codecs = [{ name: 'x', contract: 1, correlation: 'id' }]",
      /codec 'x': 'create' should be a function/,
    ],
    ['no-parse.ts', "export const filters = [{ name: 'f', typeUrl: 't' }]", /filter 'f': 'parse' should be a function/],
    [
      'syntax.ts',
      'export const a = 1\nexport const b = = 2',
      /^DIR\/syntax\.ts:2:1: module cannot be loaded: SyntaxError/,
    ],
    ['enum.ts', 'export enum E { a }', /^DIR\/enum\.ts:1:1: module cannot be loaded: SyntaxError: TypeScript enum/],
    ['throws.ts', '\nnothing.here()\nexport {}', /^DIR\/throws\.ts:2:1: .*ReferenceError: nothing is not defined$/],
    ['throws-text.ts', "throw 'just text'", /it threw "just text"$/],
    ['bad-import.ts', "import './absent.ts'", /Cannot find module 'DIR\/absent\.ts'/],
  ]
  for (const [name, text, expected] of broken) {
    test(name, async () => {
      const problems = await problemsOf(name, text)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', expected)
      assert.doesNotMatch(problems[0] ?? '', /\n/)
    })
  }
})

test('a module that does not exist is named', async () => {
  const { problems } = await loadModules([join(folder, 'absent.ts')])
  assert.deepEqual(problems.map(formatProblem), [`${join(folder, 'absent.ts')}: module does not exist`])
})

test('two modules that bring the same codec are refused', async () => {
  const paths = ['a.ts', 'b.ts'].map((name) => write(name, `export const codecs = [${CODEC}]`))
  const { problems } = await loadModules(paths)
  assert.deepEqual(problems.map(formatProblem), ["two modules bring the codec 'x'"])
})

test('a module that fails does not hide the faults of the next', async () => {
  const paths = ['c.ts', 'd.ts'].map((name) => write(name, 'export const codecs = [1]'))
  assert.equal((await loadModules(paths)).problems.length, 2)
})
