import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cellsOf } from '../harness/faults/cells-of.ts'
import { compareWithPage, readRows, writePage } from '../harness/faults/fault-page.ts'
import { FAULTS } from '../harness/faults/faults.ts'
import { MODES } from '../harness/faults/modes.ts'
import { type Cell, type CellResult, runCell } from '../harness/faults/run-cell.ts'

const results: [Cell, CellResult][] = []

describe('every request ends once, in its time, as the page says, and all is well when the fault is over', () => {
  for (const [row, fault] of FAULTS.entries()) {
    test(fault.name, async () => {
      // waiting is most of it
      await Promise.all(cellsOf(fault, row).map(async (cell) => results.push([cell, await runCell(cell)])))
      for (const each of results.filter(([cell]) => cell.fault === fault)) compareWithPage(...each)
    })
  }
})

test('the page has a row for each fault and way of trying again', () => {
  if (process.env['UPDATE_DOCS'] !== undefined) writePage(results)
  const rows = FAULTS.flatMap((fault) => MODES.map((mode) => `${fault.name}, ${mode.name}`))
  // tests/interop has those of Redis
  const found = readRows().filter(({ fault }) => !fault.startsWith('Redis '))
  assert.deepEqual(
    found.map(({ fault, mode }) => `${fault}, ${mode}`),
    rows,
  )
})
