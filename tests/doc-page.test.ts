import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readBlocks } from './doc-page/read-blocks.ts'
import { PageRun } from './doc-page/run-page.ts'

const directory = mkdtempSync(join(tmpdir(), 'meltemi-page-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const FENCE = '```'
const block = (above: string, text: string, language = 'ts') => `${above}\n\n${FENCE}${language}\n${text}\n${FENCE}\n`

/** A page is executed where every command prints `1 of 12` and ends with 0, or with 1 when it says `bad`. */
async function execute(page: string): Promise<string | undefined> {
  const run = new PageRun(
    {
      directory,
      run: async (command) => ({ output: '1 of 12\n', exitCode: command.includes('bad') ? 1 : 0 }),
      open: () => assert.fail('nothing lasts'),
    },
    { lasting: [], failing: ['bad and known'], varying: /^vary/, ports: new Map([['9000', '40123']]) },
  )
  return run.execute(readBlocks(page)).then(
    () => undefined,
    (error: Error) => error.message,
  )
}

test('a block of which a page does not say what it is, or that is indented, is refused', () => {
  assert.throws(() => readBlocks(block('A file:', 'x')), /^Error: line 1: what is to be done/)
  assert.throws(() => readBlocks(`- a list\n  ${FENCE}ts\n  x\n  ${FENCE}\n`), /a block was not found/)
  assert.throws(() => readBlocks(block('', 'no command', 'console')), /a console begins with a command/)
})

test('files are written, added to and changed in one line, with other ports', async () => {
  const page = [
    block('`a/b.ts`:', 'one(9000)\n  two()'),
    block('More. At the end of `a/b.ts`:', 'three()'),
    block('In `a/b.ts`, in place of the line with `two(`:', 'new()'),
  ]
  assert.equal(await execute(page.join('\n')), undefined)
  assert.equal(readFileSync(join(directory, 'a/b.ts'), 'utf8'), 'one(40123)\n  new()\n\nthree()\n')
  const ambiguous = block('In `a/b.ts`, in place of the line with `(`:', 'x')
  assert.match((await execute(ambiguous)) ?? '', /^the block below line 1: one line with \(/)
})

test('a command that prints or ends otherwise than a page says is found, with its line', async () => {
  const console = (text: string) => execute(block('Text.', text, 'console'))
  assert.equal(await console('$ good\n1 of 12\n$ good\n1…\n$ bad and known\n…'), undefined)
  assert.match((await console('$ good\n1 of 13')) ?? '', /^the block below line 1: good/)
  assert.match((await console('$ good\n1 of 1')) ?? '', /good/)
  assert.match((await console('$ good')) ?? '', /good/)
  assert.match((await console('$ bad\n1 of 12')) ?? '', /bad: 1 of 12/)
  assert.equal(await console('$ vary\n7   of 3.5'), undefined)
  assert.match((await console('$ vary\n7 or 3.5')) ?? '', /vary/)
})
