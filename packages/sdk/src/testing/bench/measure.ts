import { GCProfiler, getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Of one run of an action. */
export interface Measure {
  /** Nanoseconds: the median of the rounds, and the fastest and the slowest of them. */
  readonly ns: { readonly median: number; readonly min: number; readonly max: number }
  /** Bytes allocated, on the heap and beside it (buffers). */
  readonly bytes: number
}

const ROUNDS = 11
/** Before that, until the engine has compiled what it wants to: so long, and so often if that takes no longer than. */
const WARM_UP_SHARE = 0.25
const WARM_UP_RUNS = 20_000
const MAX_WARM_UP_MS = 500
const ALLOCATING_RUNS = 50_000
/** The engine allocates too, when it compiles, and gives back in the background: the middle of some tries is the action's. */
const ALLOCATING_TRIES = 7
/** Memory of buffers is given back in the background: it counts only while nothing is collected. */
const BUFFER_RUNS = 1024

/** Measures `action` for about so long. It must do the same each time, and keep what it makes. */
export function measure(action: () => void, forMs: number): Measure {
  const runs = warmUp(action, forMs * WARM_UP_SHARE)
  const roundMs = (forMs * (1 - WARM_UP_SHARE)) / ROUNDS
  const perRound = Math.max(1, Math.round(runs.perMs * roundMs))
  const rounds = Array.from({ length: ROUNDS }, () => timeNs(action, perRound) / perRound)
  return {
    ns: { median: medianOf(rounds), min: Math.min(...rounds), max: Math.max(...rounds) },
    bytes: allocatedBytes(action, Math.min(ALLOCATING_RUNS, perRound)),
  }
}

/** Bytes that one run of `action` allocates, on average over so many. */
export function allocatedBytes(action: () => void, runs: number): number {
  collectGarbage()
  const tries = Array.from({ length: ALLOCATING_TRIES }, () => heapBytes(action, runs))
  return medianOf(tries) + bufferBytes(action, Math.min(runs, BUFFER_RUNS))
}

/** Of an odd number of values. */
function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number
}

function warmUp(action: () => void, forMs: number): { perMs: number } {
  const startedAt = performance.now()
  let runs = 0
  let elapsedMs = 0
  const isCold = (): boolean => elapsedMs < forMs || (runs < WARM_UP_RUNS && elapsedMs < MAX_WARM_UP_MS)
  for (let batch = 1; isCold(); batch = Math.min(2 * batch, 1024)) {
    for (let n = 0; n < batch; n++) action()
    runs += batch
    elapsedMs = performance.now() - startedAt
  }
  return { perMs: runs / Math.max(elapsedMs, 0.001) }
}

function timeNs(action: () => void, runs: number): number {
  const startedAt = process.hrtime.bigint()
  for (let n = 0; n < runs; n++) action()
  return Number(process.hrtime.bigint() - startedAt)
}

/** What the heap has grown by, and what collections meanwhile have taken from it. */
function heapBytes(action: () => void, runs: number): number {
  const profiler = new GCProfiler()
  profiler.start()
  const before = getHeapStatistics().used_heap_size
  for (let n = 0; n < runs; n++) action()
  const grown = getHeapStatistics().used_heap_size - before
  const collections = profiler.stop().statistics
  const freed = collections.reduce((sum, { beforeGC, afterGC }) => {
    return sum + beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize
  }, 0)
  return Math.max(0, (grown + freed) / runs)
}

function bufferBytes(action: () => void, most: number): number {
  for (let runs = most; ; runs = runs >> 1) {
    collectGarbage()
    const profiler = new GCProfiler()
    profiler.start()
    const before = getHeapStatistics().external_memory
    for (let n = 0; n < runs; n++) action()
    const grown = getHeapStatistics().external_memory - before
    const isQuiet = profiler.stop().statistics.length === 0
    if (isQuiet || runs <= 1) return Math.max(0, grown / runs)
  }
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  // the memory of buffers is given back in the background, which the next collection waits for
  collect()
}
