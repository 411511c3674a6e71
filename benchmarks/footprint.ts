// Memory of a Meltemi that does nothing, before it had work, after it, and at rest, for each number of worker threads.
// node --conditions=meltemi-source benchmarks/footprint.ts [--write docs/benchmarks.md]

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readRssBytes } from './load/process-usage.ts'
import { describeMachine, readRevision } from './machine.ts'
import { builtMain } from './peers/meltemi.ts'
import { writeBetweenMarkers } from './report.ts'
import { delay, withMeltemi } from './with-meltemi.ts'

const IDLE_MS = 3000
const WORK_MS = 5000
/** A minute, counted from when the thread has come to rest. */
const REST_MS = 75_000

const { values } = parseArgs({ options: { write: { type: 'string' } } })
const rows = [
  `${new Date().toISOString().slice(0, 10)}: ${describeMachine()}, ${readRevision()}.`,
  '',
  '| RSS, MiB | idle | idle again after 5 s of 16×32 | after a minute of rest |',
  '| --- | ---: | ---: | ---: |',
  `| bare Node | ${toMib(await measureBareNode())} | | |`,
]
for (const isBuilt of existsSync(builtMain) ? [true, false] : [false]) {
  for (const concurrency of [0, 1, 2]) rows.push(await measure(concurrency, isBuilt))
}
console.log(rows.join('\n'))
if (values.write !== undefined) writeBetweenMarkers(values.write, 'footprint', rows.join('\n'))

async function measureBareNode(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await delay(IDLE_MS)
  const bytes = readRssBytes([child.pid!])
  child.kill()
  return bytes
}

async function measure(concurrency: number, isBuilt: boolean): Promise<string> {
  const options = { wire: 'awesomerpc', isMultiplexing: true, concurrency, isBuilt } as const
  return withMeltemi(
    () => options,
    async ({ meltemi, generator, backendPid }) => {
      await delay(IDLE_MS)
      const idle = readRssBytes(meltemi.pids())
      const load = {
        wire: options.wire,
        writes: 'joined' as const,
        connections: 16,
        depth: 32,
        payloadBytes: 128,
        warmUpMs: 0,
        windowMs: WORK_MS,
      }
      await generator.run({ ...load, port: meltemi.port, pids: meltemi.pids(), backendPid })
      await delay(IDLE_MS)
      const worked = readRssBytes(meltemi.pids())
      await delay(REST_MS)
      const rested = readRssBytes(meltemi.pids())
      const name = `\`--concurrency ${concurrency}\`, ${isBuilt ? 'built' : 'from sources'}`
      return `| ${name} | ${[idle, worked, rested].map(toMib).join(' | ')} |`
    },
  )
}

function toMib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0)
}
