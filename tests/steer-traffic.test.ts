import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../scripts/workspace.ts'
import { assertSamePage, assertStepsAreHeadings } from './doc-page/compare-translations.ts'
import { freePorts } from './doc-page/free-ports.ts'
import { LinkedProject } from './doc-page/linked-project.ts'
import { readBlocks } from './doc-page/read-blocks.ts'
import { PageRun } from './doc-page/run-page.ts'
import { TRAFFIC_PAGE } from './doc-page/traffic-page.ts'

const ENGLISH = readFileSync(join(ROOT, 'docs/steer-traffic.md'), 'utf8')
const CHINESE = readFileSync(join(ROOT, 'docs/steer-traffic.zh-CN.md'), 'utf8')

test('every block of docs/steer-traffic.md but the installation does what the page says, in this order', async (t) => {
  const ports = await freePorts(TRAFFIC_PAGE.ports)
  for (const [name, port] of [
    ['ADMIN_ADDRESS', '15000'],
    ['XDS_ADDRESS', '15010'],
    ['API_ADDRESS', '15080'],
    ['CONTROL_PLANE', '15080'],
  ] as const) {
    process.env[`MELTEMI_${name}`] = `127.0.0.1:${ports.get(port)}`
  }
  const project = new LinkedProject()
  const run = new PageRun(project, { ...TRAFFIC_PAGE, ports })
  t.after(async () => {
    await run.end()
    project.remove()
  })
  const [installation, ...others] = readBlocks(ENGLISH)
  // tests/interop/create-codec/page.test.ts does that
  assert.ok(installation?.text.includes('npm install'))
  await run.execute(others)
})

test('docs/steer-traffic.zh-CN.md has the blocks, headings, tables and links of the English page', () => {
  assertSamePage(ENGLISH, CHINESE, 'steer-traffic.md')
})

test('the steps that both pages list at the top are the headings below', () => {
  for (const page of [ENGLISH, CHINESE]) assertStepsAreHeadings(page)
})
