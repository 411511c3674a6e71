/** Created projects on the sources of this checkout; installed as a user would in tests/interop/create-codec. */

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createProject, FRAMINGS, type Framing } from 'create-meltemi-codec'
import { ROOT } from '../../scripts/workspace.ts'

// other runs on this machine leave folders of other names
const NAME = `quick-${process.pid}`
const MAX_CODEC_LINES = 120
const DEFAULT_PORTS = [9000, 9001, 9002, 15000]
const LINKED = ['@meltemi', '@types', '@typescript', 'typescript']
const MELTEMI = `#!/bin/sh
exec '${process.execPath}' --conditions=meltemi-source '${ROOT}/packages/cli/src/main.ts' "$@"
`

const folder = mkdtempSync(join(tmpdir(), 'meltemi-projects-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const projects = new Map((Object.keys(FRAMINGS) as Framing[]).map((framing) => [framing, create(framing)]))

/** With links in place of an installation. */
function create(framing: Framing): string {
  const directory = join(folder, framing)
  createProject({ name: `${NAME}-${framing}`, directory, framing, tarballs: [] })
  mkdirSync(join(directory, 'node_modules/.bin'), { recursive: true })
  for (const name of LINKED) symlinkSync(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name))
  writeFileSync(join(directory, 'node_modules/.bin/meltemi'), MELTEMI)
  chmodSync(join(directory, 'node_modules/.bin/meltemi'), 0o755)
  return directory
}

/** As npm would run a script of the project. */
function environment(directory: string): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env // else a test would report to this runner
  const path = [join(directory, 'node_modules/.bin'), join(ROOT, 'node_modules/.bin'), process.env['PATH']].join(':')
  return { ...env, NODE_OPTIONS: '--conditions=meltemi-source', PATH: path }
}

function run(directory: string, command: string, args: readonly string[]): string {
  return execFileSync(command, args, { cwd: directory, env: environment(directory), encoding: 'utf8' })
}

for (const [framing, directory] of projects) {
  describe(`a project of framing ${framing}`, () => {
    test(`has a codec of at most ${MAX_CODEC_LINES} lines with every line of it explained: ${framing}`, () => {
      const lines = readFileSync(join(directory, 'src/codec.ts'), 'utf8').trimEnd().split('\n')
      assert.ok(lines.length <= MAX_CODEC_LINES, `${lines.length} lines`)
      const begin = lines.indexOf("} from '@meltemi/sdk'") + 1
      const bare = lines
        .slice(begin)
        .filter((line, index) => isCode(line) && !isComment(lines[begin + index - 1] ?? ''))
      assert.deepEqual(bare, [])
    })

    test(`has right types: ${framing}`, () => {
      run(directory, 'tsc', ['--noEmit', '--customConditions', 'meltemi-source'])
    })

    test(`passes its own tests, the conformance kit among them: ${framing}`, () => {
      const report = run(directory, process.execPath, ['--test', '--test-reporter=tap', 'src/**/*.test.ts'])
      assert.match(report, /^# fail 0$/m)
      assert.match(report, /quick_\w+ conforms$/m)
    })
  })
}

function isCode(line: string): boolean {
  return line.trim() !== '' && !isComment(line) && !/^[\s{}()\],]*$/.test(line)
}

function isComment(line: string): boolean {
  return /^\s*(?:\/\/|\/\*|\*)/.test(line)
}

describe('npm start of a project', () => {
  const directory = projects.get('length') as string
  // so that it has to find others, and meets nobody
  const occupied = DEFAULT_PORTS.map((port) =>
    createServer()
      .listen(port, '127.0.0.1')
      .on('error', () => {}),
  )
  before(() => Promise.all(occupied.map((server) => once(server, 'listening').catch(() => {}))))
  after(() => {
    for (const server of occupied) server.close()
  })

  function start(args: readonly string[]) {
    const env = environment(directory)
    const child = spawn(process.execPath, ['src/start.ts', ...args], { cwd: directory, env })
    const output = { text: '' }
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output.text += text
      })
    }
    return { child, output }
  }

  function leftovers(): readonly string[] {
    const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n')
    const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(`${NAME}-length-`))
    return [...processes.filter((line) => line.includes('proxy -c') && line.includes(directory)), ...folders]
  }

  test('shows replies of both versions without an error on other ports than those taken, and ends by itself', async () => {
    const { child, output } = start(['--for', '1'])
    const [code] = await once(child, 'exit')
    assert.equal(code, 0, output.text)
    const [, v1 = 0, v2 = 0, errors] = (
      /^ +(\d+) % +(\d+) % +(\d+) {2}hello world from v[12]$/m.exec(output.text) ?? []
    ).map(Number)
    assert.ok(v1 > 60 && v2 > 3 && errors === 0, output.text)
    for (const port of DEFAULT_PORTS) assert.doesNotMatch(output.text, new RegExp(`:${port}\\b`))
    assert.deepEqual(leftovers(), [])
  })

  test('leaves nothing behind after Ctrl-C', async () => {
    const { child, output } = start([])
    while (!output.text.includes('hello world')) await once(child.stdout, 'data')
    assert.equal(leftovers().length, 2)
    child.kill('SIGINT')
    const [code] = await once(child, 'exit')
    assert.equal(code, 0, output.text)
    assert.deepEqual(leftovers(), [])
  })

  test('says that the proxy has ended, and ends too', async () => {
    const { child, output } = start([])
    while (!output.text.includes('hello world')) await once(child.stdout, 'data')
    const [pid = ''] = execFileSync('pgrep', ['-f', `proxy -c .*${directory}/src`], { encoding: 'utf8' }).split('\n')
    process.kill(Number(pid), 'SIGKILL')
    assert.deepEqual(await once(child, 'exit'), [1, null])
    assert.match(output.text, /^error: Meltemi has ended$/m)
    assert.deepEqual(leftovers(), [])
  })

  test('says what is wrong with --for', async () => {
    const { child, output } = start(['--for', 'ever'])
    assert.deepEqual(await once(child, 'exit'), [1, null])
    assert.equal(output.text, 'error: --for wants a number of seconds above 0\n')
  })
})
