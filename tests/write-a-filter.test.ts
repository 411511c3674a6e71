import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../scripts/workspace.ts'
import { freePorts } from './doc-page/free-ports.ts'
import { LinkedProject } from './doc-page/linked-project.ts'
import { readBlocks } from './doc-page/read-blocks.ts'
import { PageRun } from './doc-page/run-page.ts'

const PAGE = readFileSync(join(ROOT, 'docs/write-a-filter.md'), 'utf8')
const CODEC_PAGE = readFileSync(join(ROOT, 'docs/write-a-codec.md'), 'utf8')
const PORTS = ['9000', '9001', '15000']
// as the page links it, and what the page says of it
const STATS_PATH = /\]\(http:\/\/127\.0\.0\.1:15000(\/stats\?[^)]+)\)/.exec(PAGE)?.[1]
const STAT = /meta_protocol\.lines\.lines\.(?:guard_refused|patience_waited): 1/g
const VALIDATION = 'npx meltemi proxy -c proxy.yaml --mode validate'
const PROXY = 'npx meltemi proxy -c proxy.yaml --watch'

/** Where the page begins: the project of the other page, of which it uses one file. */
function startProject(): LinkedProject {
  const project = new LinkedProject()
  const lines = readBlocks(CODEC_PAGE).find((block) => block.kind === 'file' && block.file === 'src/lines.ts')
  assert.ok(lines)
  rmSync(join(project.directory, 'src'), { recursive: true })
  mkdirSync(join(project.directory, 'src'))
  writeFileSync(join(project.directory, 'src/lines.ts'), lines.text)
  return project
}

test('every block of docs/write-a-filter.md does what the page says, in this order', async (t) => {
  const ports = await freePorts(PORTS)
  const project = startProject()
  const run = new PageRun(project, { lasting: [PROXY], failing: [VALIDATION], varying: /never/, ports })
  t.after(async () => {
    await run.end()
    project.remove()
  })
  const blocks = readBlocks(PAGE)
  const change = blocks.findIndex(({ text }) => text.includes('who are you?'))
  await run.execute(blocks.slice(0, change))
  const stats = await (await fetch(`http://127.0.0.1:${ports.get('15000')}${STATS_PATH}`)).text()
  assert.equal(PAGE.match(STAT)?.length, 2)
  assert.deepEqual(stats.match(STAT)?.toSorted(), PAGE.match(STAT)?.toSorted())
  await run.execute(blocks.slice(change))
  assert.equal(run.count, PAGE.match(/^```/gm)!.length / 2)
})
