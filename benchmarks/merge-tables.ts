// Keeps the tables of a Markdown file up to date one by one, so that a benchmark can be made in pieces.

/** One table under its heading, as `formatMeasurement` makes it. */
const HEADING = /^### /m
/** The rate of an open loop is another each time. */
const RATE = / at \d+ requests\/s/

/** The section with this table in the place of the one under the same heading, or in its place by the alphabet. */
export function mergeTable(section: string, table: string): string {
  const blocks = section.split(/^(?=### )/m).map((block) => block.trim())
  const kept = blocks.filter((block) => HEADING.test(block) && keyOf(block) !== keyOf(table))
  return [...kept, table.trim()].toSorted((a, b) => compare(keyOf(a), keyOf(b))).join('\n\n')
}

function keyOf(block: string): string {
  return (block.split('\n', 1)[0] ?? '').replace(RATE, '')
}

/** Numbers by their size: 4096 B comes after 128 B. */
function compare(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
