import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTable, TableFormatter } from './print-table.ts'

test('columns stand below each other, and nothing stands behind the last', () => {
  const rows = [
    ['a', 'long value', ''],
    ['longer name', undefined, 1],
  ]
  assert.equal(
    formatTable({ head: ['Name', 'Value', 'N'], rows }),
    'NAME          VALUE        N\na             long value   <none>\nlonger name   <none>       1\n',
  )
})

test('rows that come later stand below those before', () => {
  const formatter = new TableFormatter()
  const head = ['Name', 'N']
  formatter.format({ head, rows: [['a long name', 1]] }, true)
  assert.equal(formatter.format({ head, rows: [['b', 2]] }, false), 'b             2\n')
})

test('a cell is one line, whatever it holds', () => {
  assert.equal(formatTable({ head: ['A'], rows: [['x\r\n\u001b[2Jy\u2028z']] }), 'A\nx [2Jy z\n')
})
