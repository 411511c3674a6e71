import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseBootstrap } from '@meltemi/api'
import { ROOT } from '../scripts/workspace.ts'
import { freePorts } from './doc-page/free-ports.ts'
import { LinkedProject } from './doc-page/linked-project.ts'
import { readBlocks } from './doc-page/read-blocks.ts'
import { PageRun } from './doc-page/run-page.ts'
import { hasTest } from './promises/table.ts'

const PAGE = readFileSync(join(ROOT, 'docs/migrating-from-aeraki.md'), 'utf8')
/** The last cell of a row: a file, and the title of a test in it. */
const PROOF = /\| `([\w./-]+)`: "([^"]+)" \|$/

test('every block of docs/migrating-from-aeraki.md does what the page says, in this order', async (t) => {
  const project = new LinkedProject()
  const run = new PageRun(project, {
    lasting: ['npx meltemi proxy -c proxy.yaml'],
    failing: ['npx meltemi proxy -c mistakes.yaml --mode validate'],
    varying: /^no command/,
    ports: await freePorts(['9090', '9091', '15000']),
  })
  t.after(async () => {
    await run.end()
    project.remove()
  })
  await run.execute(readBlocks(PAGE))
  assert.ok(run.count >= 7)
})

for (const [heading, least] of [
  ['## What stays as it is', 15],
  ['## What is different, and why', 20],
] as const) {
  test(`each row of "${heading.slice(3)}" names a test that there is`, () => {
    const [, section = ''] = PAGE.split(heading)
    const rows = (section.split(/^## /m)[0] ?? '').split('\n').filter((line) => /^\| (?!what \|)/.test(line))
    assert.ok(rows.length >= least, String(rows.length))
    const unproven = rows.filter((row) => {
      const [, file = '', title = ''] = PROOF.exec(row) ?? []
      return title === '' || !existsSync(join(ROOT, file)) || !hasTest(readFileSync(join(ROOT, file), 'utf8'), title)
    })
    assert.deepEqual(unproven, [])
  })
}

const ADDRESS = 'address: {socket_address: {address: 127.0.0.1, port_value: 1}}'
const TCP = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'
const CHAIN = `{filters: [{name: t, typed_config: {"@type": ${TCP}, stat_prefix: t, cluster: c}}]}`
const HTTP = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const listener = (chains: string) =>
  `static_resources: {listeners: [{name: l, ${ADDRESS}, filter_chains: [${chains}]}]}`

/** By the words that the page has for it. */
const REFUSED: Readonly<Record<string, string>> = {
  'several filter\nchains': listener(`${CHAIN}, ${CHAIN}`),
  'HTTP filters': listener(`{filters: [{name: h, typed_config: {"@type": ${HTTP}, stat_prefix: h}}]}`),
  'runtime keys': 'layered_runtime: {layers: [{name: a, static_layer: {re2.max_program_size.error_level: 1024}}]}',
  '`cluster_manager`': 'cluster_manager: {outlier_detection: {event_log_path: /dev/stdout}}',
  '`stats_sinks`': 'stats_sinks: [{name: envoy.stat_sinks.statsd}]',
}

for (const [words, text] of Object.entries(REFUSED)) {
  test(`what the page says is not there yet is refused by name and place: ${words.replace('\n', ' ')}`, () => {
    assert.ok(PAGE.split('## What is not there yet')[1]?.includes(words))
    const { config, problems } = parseBootstrap(text, 'f')
    assert.equal(config, undefined)
    assert.ok(
      problems.some(({ message, line, path }) => / not supported yet$/.test(message) && line > 0 && path !== ''),
    )
  })
}
