import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Other work of the process can spoil one measurement, and hardly three. */
const TRIES = 3

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

function usedBytes(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

let collect: (() => void) | undefined

function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
  // the memory of buffers is given back in the background, which the next collection waits for
  collect()
}
