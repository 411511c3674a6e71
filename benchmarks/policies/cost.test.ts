import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '../..')
/** 1.18 is usual. It is not the goal of the benchmark, which counts what the kernel does for a request as well. */
const MOST_OF_OWN_CODE = 1.5

test('limit, rules and retries add no more than half to the own code of the proxy', async () => {
  const args = ['--conditions=meltemi-source', 'benchmarks/request-path.ts', '--pairs', '30', 'plain', 'policies']
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT })
  const [, ratio] = /^policies: \d+ ns, × ([\d.]+)/m.exec(stdout) ?? []
  assert.ok(Number(ratio) > 0 && Number(ratio) <= MOST_OF_OWN_CODE, stdout)
})

test('docs/benchmarks.md says what policies, routes and mTLS cost, and no goal is missed', () => {
  const page = readFileSync(join(ROOT, 'docs/benchmarks.md'), 'utf8')
  const [, table = ''] = /<!-- policies:begin -->([\s\S]*)<!-- policies:end -->/.exec(page) ?? []
  const together = 'local limit, 10 authorization rules and retries with a time for each try'
  const what = [
    `awesomerpc, 16×32 | ${together}`,
    `thrift, 16×32 | ${together}`,
    'awesomerpc, 16×32 | 1000 exact routes beside one',
  ]
  for (const row of what) assert.match(rowOf(table, row), /\| ≤ [\d.]+: reached \|$/)
  for (const name of ['Meltemi', 'Envoy thrift_proxy']) rowOf(table, `thrift, 16×32 | ${name}: mTLS with clients`)
  assert.doesNotMatch(table, /missed/)
})

function rowOf(table: string, begin: string): string {
  const row = table.split('\n').find((line) => line.startsWith(`| ${begin} |`))
  assert.ok(row !== undefined, `there is no row ${begin}`)
  return row
}
