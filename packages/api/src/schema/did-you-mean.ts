const MAX_LENGTH = 64

/** The candidate closest to what was written, when at most a third of its letters differ; else undefined. */
export function didYouMean(written: string, candidates: readonly string[]): string | undefined {
  if (written.length > MAX_LENGTH) return undefined
  let best: string | undefined
  let bestDistance = Math.floor(written.length / 3) + 1
  for (const candidate of candidates) {
    const distance = editDistance(plain(written), plain(candidate))
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** `statPrefix` and `stat_prefix` are one word. */
function plain(name: string): string {
  return name.replaceAll('_', '').toLowerCase()
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
