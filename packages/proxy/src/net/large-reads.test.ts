import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type LargeReader, LargeReads } from './large-reads.ts'

const CHUNK = 64 * 1024

/** A socket that has so many chunks to read, and reads them whenever it may. */
class Reader implements LargeReader {
  turns = 0
  isWaiting = false
  left: number
  readonly #reads: LargeReads

  constructor(reads: LargeReads, chunks: number) {
    this.#reads = reads
    this.left = chunks
  }

  /** As the runtime does it: again and again, until it is told to wait. */
  read(): void {
    while (this.left > 0 && !this.isWaiting) {
      this.left--
      this.#reads.onRead(this, CHUNK)
    }
  }

  waitForTurn(): void {
    this.isWaiting = true
  }

  onTurn(): void {
    this.isWaiting = false
    this.turns++
  }
}

/** What the runtime does in one turn of the event loop. */
async function readAll(readers: readonly Reader[]): Promise<void> {
  for (const reader of readers) reader.read()
  await nextTurn()
}

test('each turn of the event loop is for a few of those that have much, who came first', async () => {
  const reads = new LargeReads()
  const readers = Array.from({ length: 20 }, () => new Reader(reads, 20))
  // in its first turn each is read once, for nobody knows what it has before
  await readAll(readers)
  for (let before = total(); before > 0; before = total()) {
    await readAll(readers)
    assert.ok(before - total() <= 2, `${before - total()} at once`)
    const lefts = readers.map(({ left }) => left)
    assert.ok(Math.max(...lefts) - Math.min(...lefts) <= 5, String(lefts))
  }

  function total(): number {
    return readers.reduce((sum, { left }) => sum + left, 0)
  }
})

test('one that closes while it waits takes no turn', async () => {
  const reads = new LargeReads()
  const readers = Array.from({ length: 4 }, () => new Reader(reads, 3))
  await readAll(readers)
  const closed = readers.find(({ isWaiting }) => isWaiting) as Reader
  reads.forget(closed)
  for (let turn = 0; turn < 20; turn++) await readAll(readers)
  for (const { left, turns } of readers.filter((reader) => reader !== closed)) assert.ok(left === 0 && turns > 0)
  assert.equal(closed.turns, 0)
})

test('one that has nothing when its turn comes does not hold up the others', async () => {
  const reads = new LargeReads()
  const readers = Array.from({ length: 10 }, () => new Reader(reads, 3))
  await readAll(readers)
  for (const [n, reader] of readers.entries()) if (n % 3 !== 0) reader.left = 0
  for (let turn = 0; turn < 40; turn++) await readAll(readers)
  for (const { left, isWaiting } of readers) assert.deepEqual([left, isWaiting], [0, false])
  // and the next one has the turn at once
  const [first] = readers as [Reader]
  const { turns } = first
  first.left = 1
  first.read()
  assert.deepEqual([first.isWaiting, first.turns], [false, turns])
})
