// Memory for each idle client connection: those that never sent anything, and those that had one request.
// Garbage is collected before each look, and 5,000 connections are open before the first.
// node --conditions=meltemi-source benchmarks/idle-connections.ts [--connections 10000] [--concurrency 1]
// Ends with code 1 when a connection takes more than 8 KiB.

import { parseArgs } from 'node:util'
import { collectGarbage, probeArgs } from './collect-garbage.ts'
import { Histogram } from './load/histogram.ts'
import { LoadConnection, type LoadOptions } from './load/load-connection.ts'
import { readRssBytes } from './load/process-usage.ts'
import { wires } from './load/wire.ts'
import { describeMachine, readRevision } from './machine.ts'
import { writeBetweenMarkers } from './report.ts'
import { delay, type Setting, withMeltemi } from './with-meltemi.ts'

const GOAL_BYTES = 8 * 1024
const SETTLE_MS = 3000
const WARM_UP_CONNECTIONS = 5000 // stay open: they take up the room that is left from the start
const BATCH = 100 // connections opened or used at once

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    concurrency: { type: 'string', default: '1' },
    write: { type: 'string' },
  },
})
const count = Number(values.connections)
const concurrency = Number(values.concurrency)
const meltemiOptions = { wire: 'awesomerpc', isMultiplexing: true, concurrency } as const
const { silent, used } = await withMeltemi((folder) => ({ ...meltemiOptions, nodeArgs: probeArgs(folder) }), measure)
const text = [
  `${new Date().toISOString().slice(0, 10)}: ${describeMachine()}, ${readRevision()}, \`--concurrency ${concurrency}\`.`,
  '',
  `| ${count} idle connections | RSS bytes each | of it JavaScript heap |`,
  '| --- | ---: | ---: |',
  `| that never sent anything | ${silent.rssBytes} | ${silent.heapBytes} |`,
  `| after one request on each | ${used.rssBytes} | ${used.heapBytes} |`,
].join('\n')
console.log(text)
if (values.write !== undefined) writeBetweenMarkers(values.write, 'idle-connections', text)
if (Math.max(silent.rssBytes, used.rssBytes) > GOAL_BYTES) process.exitCode = 1

interface Memory {
  readonly rssBytes: number
  /** What JavaScript holds; part of the former. */
  readonly heapBytes: number
}

async function measure({ meltemi, folder }: Setting): Promise<{ silent: Memory; used: Memory }> {
  const settled = async (): Promise<Memory> => {
    await delay(SETTLE_MS)
    const threads = await collectGarbage(meltemi.pids()[0]!, folder, concurrency + 1)
    await delay(SETTLE_MS)
    const heapBytes = threads.reduce((sum, thread) => sum + thread.heapBytes + thread.bufferBytes, 0)
    return { rssBytes: readRssBytes(meltemi.pids()), heapBytes }
  }
  const group = createGroup(meltemi.port)
  const warmUp = await group.open(WARM_UP_CONNECTIONS)
  await group.useOnce(warmUp)
  const before = await settled()
  const connections = await group.open(count)
  const opened = await settled()
  await group.useOnce(connections)
  const after = await settled()
  for (const connection of [...warmUp, ...connections]) connection.close()
  const perConnection = (memory: Memory): Memory => ({
    rssBytes: Math.round((memory.rssBytes - before.rssBytes) / count),
    heapBytes: Math.round((memory.heapBytes - before.heapBytes) / count),
  })
  return { silent: perConnection(opened), used: perConnection(after) }
}

interface Group {
  open(count: number): Promise<LoadConnection[]>
  /** One request and its checked reply on each. */
  useOnce(connections: readonly LoadConnection[]): Promise<void>
}

function createGroup(port: number): Group {
  const waiting = new Map<LoadConnection, () => void>()
  const broken = Promise.withResolvers<never>()
  const options: LoadOptions = {
    wire: wires[meltemiOptions.wire],
    port,
    payloadBytes: 128,
    writes: 'joined',
    depth: 1,
    mayGrow: false,
    latency: new Histogram(),
    readBuffer: Buffer.alloc(64 * 1024),
    onRoom: (connection) => waiting.get(connection)?.(),
    onBroken: (reason) => broken.reject(new Error(reason)),
  }
  const useOne = (connection: LoadConnection): Promise<void> =>
    new Promise((resolve) => {
      waiting.set(connection, resolve)
      connection.prepare(performance.now())
      connection.flush()
    })
  const all = (promises: readonly Promise<void>[]): Promise<unknown> =>
    Promise.race([broken.promise, Promise.all(promises)])
  return {
    async open(count) {
      const connections = Array.from({ length: count }, (_, number) => new LoadConnection(number, options))
      for (const batch of batches(connections)) await all(batch.map((connection) => connection.open()))
      return connections
    },
    async useOnce(connections) {
      for (const batch of batches(connections)) await all(batch.map(useOne))
    },
  }
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += BATCH) yield items.slice(from, from + BATCH)
}
