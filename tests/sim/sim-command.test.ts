import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SIM = fileURLToPath(new URL('./sim.ts', import.meta.url))

function sim(...args: readonly string[]) {
  return spawnSync(process.execPath, ['--conditions=meltemi-source', SIM, ...args], { encoding: 'utf8' })
}

test('sim says how it is used, and what is wrong with its options', () => {
  for (const flag of ['--help', '-h']) {
    const { status, stdout, stderr } = sim(flag)
    assert.deepEqual([status, stderr], [0, ''])
    for (const option of ['--seed <n>', '--seeds <n>', '--from <n>', '--trace', '--help'])
      assert.ok(stdout.includes(option))
  }
  for (const [args, message] of [
    [['--nothing'], /^error: .*--nothing.*\n\nUsage: /s],
    [['--seed', 'x'], /^error: --seed: expected a whole number, got 'x'\n\nUsage: /],
  ] as const) {
    const { status, stdout, stderr } = sim(...args)
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, message)
  }
})

test('sim replays one seed, the same each time', () => {
  const [first, second] = [sim('--seed', '7'), sim('--seed', '7')]
  assert.equal(first.status, 0, first.stdout + first.stderr)
  assert.match(first.stdout, /^seed 7: trace \w+, \d+ requests, \d+ replies\npassed\n$/)
  assert.equal(second.stdout, first.stdout)
})
