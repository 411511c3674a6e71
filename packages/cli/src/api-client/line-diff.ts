/** Two texts side by side, as `diff -u` shows them. */

const CONTEXT_LINES = 3
/** Of a table of lines × lines; beyond it everything between the first and the last difference counts as changed. */
const MAX_CELLS = 4_000_000

interface Line {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
}

/** Empty when both are the same. */
export function unifiedDiff(before: string, after: string, names: readonly [before: string, after: string]): string {
  if (before === after) return ''
  const lines = diffLines(splitLines(before), splitLines(after))
  const hunks = findHunks(lines).map(([start, end]) => formatHunk(lines, start, end))
  return `--- ${names[0]}\n+++ ${names[1]}\n${hunks.join('')}`
}

function splitLines(text: string): readonly string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}

function diffLines(before: readonly string[], after: readonly string[]): readonly Line[] {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head++
  let tail = 0
  const room = Math.min(before.length, after.length) - head
  while (tail < room && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  const middle = diffMiddle(before.slice(head, before.length - tail), after.slice(head, after.length - tail))
  const same = (text: string): Line => ({ sign: ' ', text })
  return [...before.slice(0, head).map(same), ...middle, ...before.slice(before.length - tail).map(same)]
}

function diffMiddle(before: readonly string[], after: readonly string[]): readonly Line[] {
  const width = after.length + 1
  const isTooLarge = (before.length + 1) * width > MAX_CELLS
  const common = isTooLarge ? new Uint32Array(0) : commonLengths(before, after)
  const lines: Line[] = []
  let i = 0
  let j = 0
  while (i < before.length || j < after.length) {
    const [a, b] = [before[i], after[j]]
    const goesBefore = (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0)
    if (!isTooLarge && a !== undefined && a === b) {
      lines.push({ sign: ' ', text: a })
      i++
      j++
    } else if (a !== undefined && (b === undefined || goesBefore)) {
      lines.push({ sign: '-', text: a })
      i++
    } else {
      lines.push({ sign: '+', text: b ?? '' })
      j++
    }
  }
  return lines
}

/** At row i and column j: the length of the longest common sequence of what comes after these lines. */
function commonLengths(before: readonly string[], after: readonly string[]): Uint32Array {
  const width = after.length + 1
  const lengths = new Uint32Array((before.length + 1) * width)
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const [down, right] = [lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0]
      lengths[i * width + j] =
        before[i] === after[j] ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(down, right)
    }
  }
  return lengths
}

/** Ranges of lines that hold the changes with three lines around them; those that touch are one. */
function findHunks(lines: readonly Line[]): readonly (readonly [start: number, end: number])[] {
  const hunks: [number, number][] = []
  for (const [index, { sign }] of lines.entries()) {
    if (sign === ' ') continue
    const start = Math.max(0, index - CONTEXT_LINES)
    const end = Math.min(lines.length, index + CONTEXT_LINES + 1)
    const last = hunks.at(-1)
    if (last !== undefined && start <= last[1]) last[1] = end
    else hunks.push([start, end])
  }
  return hunks
}

function formatHunk(lines: readonly Line[], start: number, end: number): string {
  const inBefore = ({ sign }: Line): boolean => sign !== '+'
  const inAfter = ({ sign }: Line): boolean => sign !== '-'
  const ranges = [inBefore, inAfter].map((isIn) => {
    const count = lines.slice(start, end).filter(isIn).length
    const first = lines.slice(0, start).filter(isIn).length + (count === 0 ? 0 : 1)
    return count === 1 ? `${first}` : `${first},${count}`
  })
  const body = lines.slice(start, end).map(({ sign, text }) => `${sign}${text}\n`)
  return `@@ -${ranges[0]} +${ranges[1]} @@\n${body.join('')}`
}
