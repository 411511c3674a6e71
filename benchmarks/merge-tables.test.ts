import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeTable } from './merge-tables.ts'

const CLOSED = '### thrift, 64×1, 128 B, closed loop\n\n| a |'
const OPEN = '### thrift, 64×1, 128 B, open loop at 100 requests/s\n\n| b |'
const LARGE = '### thrift, 64×1, 4096 B, closed loop\n\n| c |'

test('a table takes the place of the one with its heading, whatever rate the open loop has', () => {
  const section = [CLOSED, OPEN].reduce(mergeTable, '')
  assert.equal(section, `${CLOSED}\n\n${OPEN}`)
  const again = OPEN.replace('100', '99').replace('b', 'new')
  assert.equal(mergeTable(section, again), `${CLOSED}\n\n${again}`)
})

test('tables stand in the order of their headings, numbers by size, and what is no table goes', () => {
  assert.equal([LARGE, OPEN, CLOSED].reduce(mergeTable, 'measured once'), `${CLOSED}\n\n${OPEN}\n\n${LARGE}`)
})
