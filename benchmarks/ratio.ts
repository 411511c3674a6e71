// How many times as much one of two costs that were measured side by side, round by round.

import { median } from './statistics.ts'

const MAX_MISS = 0.05

export interface Ratio {
  readonly median: number
  /** Where the true one is, with at least 95 % confidence. */
  readonly low: number
  readonly high: number
}

/**
 * Of each pair, then the median, which a few disturbed rounds do not move. Its confidence interval lies between two of
 * the ratios themselves, counted from both ends, so that it holds however they are distributed: a ratio is on either side
 * of the true median like a coin. With fewer than six pairs there is none of 95 %, and it has no bounds.
 */
export function ratioOf(costs: readonly number[], bases: readonly number[]): Ratio {
  const ratios = costs.map((cost, round) => cost / (bases[round] ?? Number.NaN)).toSorted((a, b) => a - b)
  const outside = countOutside(ratios.length)
  return {
    median: median(ratios),
    low: outside === 0 ? 0 : (ratios[outside - 1] ?? Number.NaN),
    high: outside === 0 ? Number.POSITIVE_INFINITY : (ratios.at(-outside) ?? Number.NaN),
  }
}

export function formatRatio({ median: middle, low, high }: Ratio): string {
  const show = (value: number): string => value.toFixed(2)
  return `${show(middle)} (${show(low)}–${Number.isFinite(high) ? show(high) : '∞'})`
}

// The largest k for which at most k - 1 heads in so many throws, or as few tails, are an event of 5 %.
function countOutside(throws: number): number {
  let probability = 2 ** -throws
  let miss = 2 * probability
  let count = 0
  while (miss <= MAX_MISS) {
    count++
    probability *= (throws - count + 1) / count
    miss += 2 * probability
  }
  return count
}
