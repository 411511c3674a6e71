import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { corpus } from './corpus.ts'

const SCRIPT = fileURLToPath(new URL('../../scripts/fuzz-codecs.ts', import.meta.url))

function run(...args: readonly string[]): { code: number | null; out: string; errors: string } {
  const command = ['--conditions=meltemi-source', SCRIPT, ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  return { code: status, out: stdout, errors: stderr }
}

test('npm run fuzz tries every codec there is, and none fails on its own samples and earlier findings', () => {
  const { code, out, errors } = run('--for', '1ms')
  assert.equal(code, 0, out + errors)
  for (const { definition } of corpus) assert.ok(out.includes(`${definition.name}: nothing found`), definition.name)
})

test('npm run fuzz can try one codec alone, and says when there is none of this name', () => {
  const one = run('--codec', 'awesomerpc', '--for', '1ms', '--seed', '5')
  assert.match(one.out, /^aeraki\.meta_protocol\.codec\.awesomerpc: nothing found, seed 5\n {2}\d+ inputs[^\n]*\n$/)
  const none = run('--codec', 'nothing')
  assert.equal(none.code, 1)
  assert.match(none.errors, /there is no codec nothing/)
})
