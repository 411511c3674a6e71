/** The rows of docs/fault-table.md for a rate limit service that has lost its Redis, all of them real. */

import { test } from 'node:test'
import { cellsOf } from '../../harness/faults/cells-of.ts'
import { compareWithPage, writePage } from '../../harness/faults/fault-page.ts'
import { type AskedService, ofAsked, rateLimit } from '../../harness/faults/faults.ts'
import { type Cell, type CellResult, runCell } from '../../harness/faults/run-cell.ts'
import { startOurServer } from './our-server.ts'
import { startRedis } from './redis-process.ts'

const RULES = {
  'rules.yaml': `
domain: test
descriptors:
  - key: generic_key
    rate_limit: { unit: hour, requests_per_unit: 1000000 }
`,
}

async function startServerWithRedis(): Promise<AskedService> {
  const redis = await startRedis()
  const server = await startOurServer(RULES, [
    ...['--redis-type', 'single', '--redis-url', `127.0.0.1:${redis.port}`, '--redis-timeout', '500ms'],
  ])
  return {
    port: server.port,
    begin: () => redis.kill(),
    end: async () => void (await redis.start()),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await redis[Symbol.asyncDispose]()
    },
  }
}

const results: [Cell, CellResult][] = []

for (const [name, denies] of [
  ['Redis down, requests pass', false],
  ['Redis down, requests do not', true],
] as const) {
  test(`every request ends once, in its time, as the page says, and all is well when the fault is over: ${name}`, async () => {
    const fault = ofAsked(name, startServerWithRedis, rateLimit(denies), 'ratelimit.ok')
    for (const cell of cellsOf(fault, 0)) {
      const result = await runCell(cell)
      results.push([cell, result])
      compareWithPage(cell, result)
    }
    if (process.env['UPDATE_DOCS'] !== undefined) writePage(results)
  })
}
