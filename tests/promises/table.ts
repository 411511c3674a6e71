/** Reads docs/promises.md and compares it with the test files that it names. */

export interface Proof {
  readonly promise: string
  readonly file: string
  readonly title: string
}

export interface PromiseTable {
  /** Numbers of all rows, in order. */
  readonly proven: readonly string[]
  /** Numbers in the section "Not yet proven". */
  readonly unproven: readonly string[]
  readonly proofs: readonly Proof[]
  /** Rows that are not as they should be. */
  readonly faults: readonly string[]
}

const LEAST_TELLING_LENGTH = 12
const PENDING_HEADING = '## Not yet proven'
const NUMBER = /\b[A-Z]\.\d+\b/g
const ROW = /^\| ([A-Z]\.\d+) \| [^|]+ \| (.+) \|$/
// path/to/file.test.ts: "a title", "another title"
const CELL = /([\w./-]+\.ts): ((?:"[^"]+"(?:, )?)+)/g

/** Parses rows `| A.n | sentence | path/to/file.test.ts: "title", "title"; other.test.ts: "title" |`. */
export function parsePromises(markdown: string): PromiseTable {
  const [table = '', pending = ''] = markdown.split(PENDING_HEADING)
  const lines = table.split('\n').filter((line) => /^\| [A-Z]\.\d+/.test(line))
  const rows = lines.flatMap((line) => {
    const match = ROW.exec(line)
    return match === null
      ? []
      : [{ promise: match[1] as string, proofs: proofsOf(match[1] as string, match[2] as string) }]
  })
  const malformed = lines.filter((line) => !isWellFormed(line))
  return {
    proven: rows.map((row) => row.promise),
    unproven: pending.match(NUMBER) ?? [],
    proofs: rows.flatMap((row) => row.proofs),
    faults: [...malformed.map((line) => `not a row of this table: ${line}`)],
  }
}

/** Every part of the last cell names a file and titles, so that nothing is left out by a slip of the pen. */
function isWellFormed(line: string): boolean {
  const cell = ROW.exec(line)?.[2]
  return cell !== undefined && /^(; )*$/.test(cell.replaceAll(CELL, ''))
}

function proofsOf(promise: string, cell: string): readonly Proof[] {
  return [...cell.matchAll(CELL)].flatMap(([, file, titles]) =>
    [...(titles as string).matchAll(/"([^"]+)"/g)].map(([, title]) => ({
      promise,
      file: file as string,
      title: title as string,
    })),
  )
}

/** Whether the source of a test file has a test, or a group of tests, of this title. Skipped ones prove nothing. */
export function hasTest(source: string, title: string): boolean {
  const quoted = [`'${title.replaceAll("'", "\\'")}'`, `"${title}"`, `\`${title}\``]
  return quoted.some((text) => isTitle(source, text)) || templatesOf(source).some((template) => template.test(title))
}

/** Titles that are made in a loop: each `${…}` stands for any text, but what remains must say something. */
function templatesOf(source: string): readonly RegExp[] {
  const found = source.matchAll(/\b(?:test|it|describe|suite)\(\s*`((?:[^`$\\]|\$\{[^}]*\})*)`/g)
  const texts = [...found].map(([, text]) => (text as string).split(/\$\{[^}]*\}/))
  const telling = texts.filter((parts) => parts.join('').length >= LEAST_TELLING_LENGTH)
  return telling.map((parts) => new RegExp(`^${parts.map((part) => escape(part)).join('.*')}$`))
}

function isTitle(source: string, text: string): boolean {
  for (let at = source.indexOf(text); at >= 0; at = source.indexOf(text, at + 1)) {
    // A long call is broken after the parenthesis; tables of tests start their rows with the title.
    if (/(?:\b(?:test|it|describe|suite)\(|\[|\b(?:name|title|kind):)\s*$/.test(source.slice(Math.max(0, at - 80), at)))
      return true
  }
  return false
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
