import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LocalRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { type BufferHolder, BufferShare, LARGE_BYTES } from './buffer-share.ts'

const KIB = 1024
const MIB = 1024 * KIB
/** What is read at once. */
const CHUNK = 64 * KIB

/** A client that sends for as long as it may. */
class Sender implements BufferHolder {
  countedBytes = 0
  turns = 0
  isClosed = false
  readonly name: string
  readonly #share: BufferShare
  readonly #ended: string[]
  #leftBytes: number
  heldBytes = 0

  constructor(name: string, share: BufferShare, bytes: number, ended: string[] = []) {
    this.name = name
    this.#share = share
    this.#leftBytes = bytes
    this.#ended = ended
  }

  readOn(): boolean {
    if (this.isClosed) return false
    this.turns++
    this.send()
    return true
  }

  closeNow(): void {
    this.#ended.push(this.name)
    this.end()
  }

  /** One chunk after the other, until it has to wait, or is done. */
  send(): void {
    do {
      if (this.isClosed || this.#leftBytes === 0) return
      const bytes = Math.min(CHUNK, this.#leftBytes)
      this.#leftBytes -= bytes
      this.heldBytes += bytes
      this.#share.count(this, this.heldBytes)
    } while (this.#share.mayReadOn(CHUNK, this))
  }

  end(): void {
    this.isClosed = true
    this.#share.count(this, 0)
  }

  shed(): void {
    this.#ended.push(this.name)
    this.end()
  }
}

function setUp(limitBytes = Number.POSITIVE_INFINITY) {
  const clock = new FakeClock()
  let turn: (() => void)[] = []
  const byTurns = {
    now: () => clock.now(),
    wallTime: () => clock.wallTime(),
    setTimer: (ms: number, callback: () => void) => clock.setTimer(ms, callback),
    setImmediate: (callback: () => void) => void turn.push(callback),
  }
  const share = new BufferShare(byTurns, limitBytes, new LocalRegistry(() => {}))
  return {
    share,
    clock,
    /** One turn of the event loop, or the wait for the next; false when there was nothing to do. */
    turn: () => {
      const callbacks = turn
      turn = []
      for (const callback of callbacks) callback()
      if (callbacks.length > 0) return true
      const hasTimer = clock.pendingTimers > 0
      clock.advance(1)
      return hasTimer
    },
  }
}

test('what holds little does not count, and counts return to 0', () => {
  const { share, turn } = setUp()
  const holders = Array.from({ length: 10 }, (_, n) => new Sender(String(n), share, 0))
  for (const holder of holders) share.count(holder, LARGE_BYTES)
  assert.equal(share.usedBytes, 0)
  for (const holder of holders) share.count(holder, MIB)
  assert.equal(share.usedBytes, 10 * MIB)
  for (const holder of holders) share.count(holder, 2 * MIB)
  assert.equal(share.usedBytes, 20 * MIB)
  for (const holder of holders) share.count(holder, 10)
  assert.equal(share.usedBytes, 0)
  assert.equal(turn(), false, 'nothing is to be done')
})

test('in each turn all together are read for a quarter of a mebibyte', () => {
  const { share, turn } = setUp()
  const senders = Array.from({ length: 40 }, (_, n) => new Sender(String(n), share, MIB))
  for (const sender of senders) sender.send()
  let turns = 0
  for (let before = share.usedBytes; turn(); before = share.usedBytes, turns++) {
    assert.ok(share.usedBytes - before <= MIB / 4, `${share.usedBytes - before} bytes in turn ${turns}`)
  }
  assert.equal(share.usedBytes, 40 * MIB)
  assert.ok(turns >= 156 && turns <= 162, `${turns} turns`)
})

test('turns are fair: one that came last gets as many as those that flood', () => {
  const { share, turn } = setUp()
  const floods = Array.from({ length: 50 }, (_, n) => new Sender(String(n), share, 100 * MIB))
  for (const sender of floods) sender.send()
  for (let n = 0; n < 20; n++) turn()
  const late = new Sender('late', share, 4 * MIB)
  const before = floods.map(({ turns }) => turns)
  late.send()
  let count = 0
  while (late.heldBytes < 4 * MIB) {
    turn()
    count++
  }
  // 64 chunks, one in every round of 51 that wait, 4 of them a turn
  assert.ok(count <= 16 * 64, `${count} turns for 4 MiB`)
  for (const [n, sender] of floods.entries()) {
    const turns = sender.turns - (before[n] ?? 0)
    assert.ok(Math.abs(turns - late.turns) <= 2, `${turns} turns against ${late.turns}`)
  }
})

test('a reader that closes while it waits does no harm', () => {
  const { share, turn } = setUp()
  const senders = Array.from({ length: 60 }, (_, n) => new Sender(String(n), share, 2 * MIB))
  for (const sender of senders) sender.send()
  for (const [n, sender] of senders.entries()) if (n % 2 === 0) sender.end()
  while (turn());
  for (const [n, sender] of senders.entries()) if (n % 2 === 1) assert.equal(sender.heldBytes, 2 * MIB)
  for (const sender of senders) sender.end()
  assert.equal(share.usedBytes, 0)
  assert.equal(turn(), false)
})

test('beyond the limit the largest go first, and no more of them than it takes', () => {
  const ended: string[] = []
  const { share, turn } = setUp(10 * MIB)
  const holders = ['a', 'b', 'c', 'd', 'e'].map((name) => new Sender(name, share, 0, ended))
  for (const [n, holder] of holders.entries()) share.count(holder, (n + 1) * MIB)
  assert.deepEqual(ended, [], 'not while somebody counts')
  turn()
  assert.deepEqual(ended, ['e'])
  assert.equal(share.usedBytes, 10 * MIB)
  share.count(holders[0] as Sender, 9 * MIB)
  turn()
  assert.deepEqual(ended, ['e', 'a'])
})

test('a flood beyond the limit is never more than a turn beyond it, and the last of it get through', () => {
  const ended: string[] = []
  const { share, turn } = setUp(20 * MIB)
  const senders = Array.from({ length: 200 }, (_, n) => new Sender(String(n), share, 2 * MIB, ended))
  // in its first turn each is read once, for nobody knows what it has before
  for (const sender of senders) {
    sender.send()
    turn()
    assert.ok(share.usedBytes <= 21 * MIB, `${share.usedBytes} bytes`)
  }
  while (turn()) assert.ok(share.usedBytes <= 21 * MIB, `${share.usedBytes} bytes`)
  const whole = senders.filter(({ isClosed, heldBytes }) => !isClosed && heldBytes === 2 * MIB)
  assert.equal(whole.length, 10)
  assert.equal(ended.length, 190)
})

test('what is closed makes room for others, who are read no faster for it', () => {
  const ended: string[] = []
  const { share, turn, clock } = setUp(20 * MIB)
  const senders = Array.from({ length: 100 }, (_, n) => new Sender(String(n), share, 16 * MIB, ended))
  for (const sender of senders) sender.send()
  const bytesRead = () => CHUNK * senders.reduce((sum, { turns }) => sum + turns, 0)
  while (share.usedBytes <= 20 * MIB) turn()
  const before = bytesRead()
  const endMs = clock.now() + 2000
  while (clock.now() < endMs) turn()
  assert.ok(ended.length > 0)
  // a quarter of a mebibyte every 18 to 20 ms
  const mib = (bytesRead() - before) / MIB
  assert.ok(mib >= 20 && mib <= 30, `${mib} MiB in two seconds`)
})

test('closing is spread over turns', () => {
  const ended: string[] = []
  const { share, turn } = setUp(MIB)
  const holders = Array.from({ length: 100 }, (_, n) => new Sender(String(n), share, 0, ended))
  for (const holder of holders) share.count(holder, CHUNK)
  turn()
  assert.equal(ended.length, 4)
  while (turn());
  assert.equal(ended.length, 84)
  assert.equal(share.usedBytes, MIB)
})

test('when half of the share is used up, large messages are read at 50 MB a second, and slower the more of it is', () => {
  const { share, turn, clock } = setUp(100 * MIB)
  const senders = Array.from({ length: 49 }, (_, n) => new Sender(String(n), share, 2 * MIB))
  for (const sender of senders) sender.send()
  while (share.usedBytes <= 50 * MIB) turn()
  assert.equal(clock.now(), 0, 'as fast as it can be before')
  const msUntil = (bytes: number) => {
    const beginMs = clock.now()
    while (share.usedBytes < bytes) turn()
    return clock.now() - beginMs
  }
  // a quarter of a mebibyte every 5 to 6 ms, then every 18 to 20
  const first = msUntil(54 * MIB)
  assert.ok(first >= 70 && first <= 110, `${first} ms`)
  msUntil(94 * MIB)
  const last = msUntil(98 * MIB)
  assert.ok(last >= 270 && last <= 340, `${last} ms`)
  while (turn());
  assert.equal(clock.pendingTimers, 0)
})

test('those that have to close at the same moment close in turns', () => {
  const ended: string[] = []
  const { share, turn } = setUp()
  const senders = Array.from({ length: 50 }, (_, n) => new Sender(String(n), share, 0, ended))
  for (const sender of senders) share.closeInTurn(sender)
  assert.equal(ended.length, 0)
  turn()
  assert.equal(ended.length, 4)
  while (turn());
  assert.deepEqual(
    ended,
    senders.map(({ name }) => name),
  )
})
