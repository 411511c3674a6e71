/** docs/write-a-codec.md for somebody who has nothing but Node and a checkout. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ROOT } from '../../../scripts/workspace.ts'
import { CODEC_PAGE } from '../../doc-page/codec-page.ts'
import { freePorts } from '../../doc-page/free-ports.ts'
import { NewProject } from '../../doc-page/new-project.ts'
import { readBlocks } from '../../doc-page/read-blocks.ts'
import { PageRun } from '../../doc-page/run-page.ts'

const blocks = readBlocks(readFileSync(join(ROOT, 'docs/write-a-codec.md'), 'utf8'))
const ports = await freePorts(CODEC_PAGE.ports)
process.env['MELTEMI_ADMIN_ADDRESS'] = `127.0.0.1:${ports.get('15000')}`
const project = new NewProject()
after(() => project.leave())
const run = new PageRun(project, { ...CODEC_PAGE, ports })

test('a new user creates, installs, tests and starts a project as docs/write-a-codec.md says', async () => {
  assert.ok(blocks[0]?.text.includes('npm install'))
  await run.execute(blocks.slice(0, 1))
})

test('every block of docs/write-a-codec.md that follows does in that project what the page says', async () => {
  await run.execute(blocks.slice(1))
  assert.equal(run.count, blocks.length)
})
