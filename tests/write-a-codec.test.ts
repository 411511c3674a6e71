import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../scripts/workspace.ts'
import { CODEC_PAGE } from './doc-page/codec-page.ts'
import { assertSamePage, assertStepsAreHeadings } from './doc-page/compare-translations.ts'
import { freePorts } from './doc-page/free-ports.ts'
import { LinkedProject } from './doc-page/linked-project.ts'
import { readBlocks } from './doc-page/read-blocks.ts'
import { PageRun } from './doc-page/run-page.ts'

const ENGLISH = readFileSync(join(ROOT, 'docs/write-a-codec.md'), 'utf8')
const CHINESE = readFileSync(join(ROOT, 'docs/write-a-codec.zh-CN.md'), 'utf8')

test('every block of docs/write-a-codec.md but the installation does what the page says, in this order', async (t) => {
  const ports = await freePorts(CODEC_PAGE.ports)
  process.env['MELTEMI_ADMIN_ADDRESS'] = `127.0.0.1:${ports.get('15000')}`
  const project = new LinkedProject()
  const run = new PageRun(project, { ...CODEC_PAGE, ports })
  t.after(async () => {
    await run.end()
    project.remove()
  })
  const [installation, ...others] = readBlocks(ENGLISH)
  // tests/interop/create-codec/page.test.ts does that
  assert.ok(installation?.text.includes('npm install'))
  await run.execute(others)
  assert.equal(run.count, count(ENGLISH, /^```/gm) / 2 - 1)
})

test('docs/write-a-codec.zh-CN.md has the blocks, headings, tables and links of the English page', () => {
  assertSamePage(ENGLISH, CHINESE, 'write-a-codec.md')
})

test('the steps that both pages list at the top are the headings below', () => {
  for (const page of [ENGLISH, CHINESE]) assertStepsAreHeadings(page)
})

function count(page: string, pattern: RegExp): number {
  return page.match(pattern)?.length ?? 0
}
