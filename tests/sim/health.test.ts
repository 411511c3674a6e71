import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addHealth } from './add-health.ts'
import { simulate } from './simulate.ts'

const SEEDS = 26

test(`with outlier detection and health checks the invariants hold too, and who is ejected gets nothing until it is back`, async () => {
  const sums = { ejections: 0, returns: 0, reused: 0 }
  for (let seed = 1007; seed < 1007 + SEEDS; seed++) {
    const { problems, ejections } = await simulate(seed, { change: addHealth })
    assert.deepEqual(problems, [], `seed ${seed}`)
    for (const what of Object.keys(sums) as (keyof typeof sums)[]) sums[what] += ejections[what]
  }
  assert.ok(sums.ejections > 10 && sums.returns > 10 && sums.reused > 3, JSON.stringify(sums))
})

test('a seed with health replays exactly', async () => {
  for (const seed of [1008, 1011]) {
    const first = await simulate(seed, { change: addHealth })
    const second = await simulate(seed, { change: addHealth })
    assert.equal(second.hash, first.hash, `seed ${seed}`)
  }
})
