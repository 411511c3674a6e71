/** docs/fault-table.md: what clients may see is written by hand, the counts by a run with `UPDATE_DOCS=1`. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeBetweenMarkers } from '../../../benchmarks/report.ts'
import { ROOT } from '../../../scripts/workspace.ts'
import { POOLS } from './modes.ts'
import { type Cell, type CellResult, titleOf } from './run-cell.ts'

const PAGE = join(ROOT, 'docs/fault-table.md')
const NOTHING = 'nothing'

interface Row {
  readonly fault: string
  readonly mode: string
  /** By pool: what clients may see. */
  readonly seen: readonly string[]
  /** By pool: those of the last run that was written. */
  readonly counts: readonly string[]
}

export function readRows(): readonly Row[] {
  const page = readFileSync(PAGE, 'utf8')
  const table = page.slice(page.indexOf('<!-- faults:begin -->'), page.indexOf('<!-- faults:end -->'))
  const lines = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
  return lines.slice(1).map((line) => {
    const [fault = '', mode = '', ...rest] = line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1)
    return { fault, mode, seen: rest.slice(0, 2), counts: rest.slice(2) }
  })
}

/** What a client has seen is in the page; where the page does not say that it may be nothing, it has seen something. */
export function compareWithPage(cell: Cell, { failed }: CellResult): void {
  const row = readRows().find(({ fault, mode }) => fault === cell.fault.name && mode === cell.mode.name)
  assert.ok(row !== undefined, `the page has no row for ${titleOf(cell)}`)
  const text = row.seen[POOLS.indexOf(cell.pool)] as string
  const codes = [...text.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code as string)
  for (const code of failed.keys()) assert.ok(codes.includes(code), `${titleOf(cell)}: ${code} is not in the page`)
  if (!text.includes(NOTHING)) assert.ok(failed.size > 0, `${titleOf(cell)}: nothing has failed`)
}

/** Counts that these results do not have stay. */
export function writePage(results: readonly (readonly [Cell, CellResult])[]): void {
  const rows = readRows().map(({ fault, mode, seen, counts }) => {
    const counted = POOLS.map((pool, at) => {
      const found = results.find(([cell]) => cell.fault.name === fault && cell.mode.name === mode && cell.pool === pool)
      return found === undefined ? (counts[at] as string) : formatCounts(found[1])
    })
    return line([fault, mode, ...seen, ...counted])
  })
  writeBetweenMarkers(PAGE, 'faults', [line(HEADS), line(HEADS.map(() => '---')), ...rows].join('\n'))
}

const HEADS = ['fault', 'tries', 'clients see, shared', 'clients see, exclusive', 'counts, shared', 'counts, exclusive']

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function formatCounts({ asked, ok, failed, retries, ejections, backMs }: CellResult): string {
  const ends = [`${ok} of ${asked} answered`, ...[...failed].sort().map(([code, count]) => `${count} ${code}`)]
  const parts = [ends.join(', ')]
  if (retries > 0) parts.push(`${retries} retries`)
  if (ejections > 0) parts.push(`${ejections} ejections`)
  return `${parts.join('; ')}; back in ${Math.round(backMs)} ms`
}
