import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from './random.ts'
import { drops, edgePositions, splits } from './splits.ts'

test('splits are all cuts in two and in three, and copies', () => {
  const bytes = Buffer.from('abcd')
  const all = [...splits(bytes)]
  assert.deepEqual(
    all.map(({ cuts }) => cuts.join()),
    ['1', '2', '3', '1,2', '1,3', '2,3'],
  )
  for (const { chunks } of all) {
    assert.equal(Buffer.concat(chunks).toString(), 'abcd')
    assert.ok(chunks.every((chunk) => chunk.length > 0))
    chunks[0]![0] = 0
  }
  assert.equal(bytes.toString(), 'abcd')
  for (const { chunks } of splits(Buffer.alloc(5000))) assert.equal(Buffer.concat(chunks).length, 5000)
})

test('long messages are cut near their ends, and very long ones less often', () => {
  const positions = [...edgePositions(5000)]
  assert.deepEqual([positions.length, positions[511], positions[512], positions.at(-1)], [1024, 512, 4488, 4999])
  assert.ok([...edgePositions(16 * 1024 * 1024)].length < 100)
})

test('drops are single bytes, of a very long message larger ones', () => {
  assert.deepEqual(drops(Buffer.from('abc')).map(String), ['a', 'b', 'c'])
  const all = drops(Buffer.alloc(200_000, 1))
  assert.ok(all.length <= 65_536)
  assert.equal(Buffer.concat(all).length, 200_000)
})

test('a seed repeats its random bytes', () => {
  assert.deepEqual(new Random(5).bytes(100), new Random(5).bytes(100))
  assert.notDeepEqual(new Random(5).bytes(100), new Random(6).bytes(100))
  assert.equal(new Set(new Random(1).bytes(5000)).size, 256)
})
