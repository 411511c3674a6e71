import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Other work of the process can spoil one measurement, and hardly three. */
const TRIES = 3
const MAX_READINGS = 20
const SETTLED_BYTES = 64 * 1024

/**
 * The bytes by which the process is larger after `action` than before, as long as what it returns is alive; the least
 * of a few tries, or the first below `enough`.
 */
export function measureGrowth(enough: number, action: () => unknown): number {
  let least = Number.POSITIVE_INFINITY
  for (let n = 0; n < TRIES && least >= enough; n++) least = Math.min(least, growthBy(action))
  return least
}

/** A function of its own, so that nothing of one try is alive in the next. */
function growthBy(action: () => unknown): number {
  const before = usedBytes()
  const kept = action()
  const growth = usedBytes() - before
  // used here, so that it is not collected before it has been measured
  if (kept === undefined) throw new Error('nothing was kept to be measured')
  return growth
}

/** Buffers are given back in the background, on a busy machine late: it is read until it does not shrink any more. */
function usedBytes(): number {
  let before = Number.POSITIVE_INFINITY
  for (let n = 0; n < MAX_READINGS; n++) {
    collectGarbage()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    const used = heapUsed + arrayBuffers
    if (before - used < SETTLED_BYTES) return used
    before = used
  }
  return before
}

let collect: (() => void) | undefined

function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
  // waits for what the first one left to the background
  collect()
}
