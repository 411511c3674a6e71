import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ROOT } from '../scripts/workspace.ts'
import { type LiveProxy, startLiveProxy } from './harness/index.ts'

const PAGE = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
const SECTION = PAGE.slice(PAGE.indexOf('## Admin pages'))
const documented = [...SECTION.matchAll(/^\| (GET|POST) `([^`]+)` \| [^|]/gm)].map(
  ([, method, path]) => `${method} ${path}`,
)

function portOf(proxy: LiveProxy): number {
  return proxy.running.adminAddress.port
}

test('docs/operations.md lists exactly the endpoints that there are', async () => {
  await using proxy = await startLiveProxy({ concurrency: 0 })
  // an unknown page lists them all
  const list = await proxy.get('/nothing')
  const served = [...list.matchAll(/^ {2}(GET|POST) +(\/\S*): ./gm)].map(([, method, path]) => `${method} ${path}`)
  assert.ok(served.length > 15)
  assert.deepEqual(documented.toSorted(), served.toSorted())
})

test('the start page has each of them too', async () => {
  await using proxy = await startLiveProxy({ concurrency: 0 })
  const help = await proxy.get('/')
  const rows = [...help.matchAll(/^<tr><td>(GET|POST)<td>(?:<a href="[^"]+">)?(\/[\w/]*)/gm)]
  assert.deepEqual([...rows.map(([, method, path]) => `${method} ${path}`), 'GET /'].toSorted(), documented.toSorted())
})

test('the commands of docs/operations.md about admin pages do what they say', async (t) => {
  await using proxy = await startLiveProxy({ concurrency: 1 })
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-admin-doc-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const blocks = [...SECTION.matchAll(/^```sh\n([\s\S]*?)\n```$/gm)].map(([, text]) => text as string)
  assert.equal(blocks.length, 2)
  const commands = blocks.flatMap((block) => block.split('\n'))
  for (const command of commands) {
    const here = command.replace('127.0.0.1:15000', `127.0.0.1:${portOf(proxy)}`).replace('seconds=10', 'seconds=0.2')
    const quick = here.replace('?thread=main', '?thread=main&seconds=0.2')
    await promisify(execFile)('sh', ['-c', `${quick.replace('curl ', 'curl -sS --fail ')}`], { cwd: folder })
  }
  const profile = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'))
  assert.ok(profile('cpu.cpuprofile').nodes.length > 0)
  assert.equal(profile('heap.heapprofile').head.callFrame.functionName, '(root)')
})
