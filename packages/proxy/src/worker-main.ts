/** What runs in a worker thread: one Proxy, driven by messages of the main thread. */
import { parentPort, workerData } from 'node:worker_threads'
import { formatProblem } from '@meltemi/api/model'
import { LocalRegistry, systemClock } from '@meltemi/runtime'
import { loadModules } from './modules.ts'
import { nodeNetwork } from './net/node-network.ts'
import { SharedOverloadLevel } from './observe/overload-level.ts'
import { Proxy } from './proxy.ts'
import { createRandom } from './util/random.ts'
import { type FromWorker, HEARTBEAT_MS, type ToWorker, type WorkerStart } from './worker-messages.ts'

const LOG_LINES_PER_SECOND = 10

function tell(message: FromWorker): void {
  parentPort?.postMessage(message)
}

async function run(start: WorkerStart): Promise<void> {
  beat(new Int32Array(start.heartbeat))
  const { codecs, filters, problems } = await loadModules(start.modules)
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('; '))
  const overload = new SharedOverloadLevel(start.overload)
  const proxy = new Proxy({
    config: start.config,
    codecs,
    filters,
    network: nodeNetwork,
    clock: systemClock,
    random: createRandom(),
    metrics: new LocalRegistry((definition) => tell({ kind: 'metric', definition })),
    share: { cells: start.limitCells, workers: start.workers, worker: start.worker },
    overloadLevel: () => overload.current,
    log: limitedLog(),
  })
  parentPort?.on('message', (message: ToWorker) => void obey(proxy, message))
  await proxy.start(true)
  tell({ kind: 'ready' })
}

async function obey(proxy: Proxy, message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'drain':
      await proxy.drain()
      break
    case 'stop':
      await proxy.stop()
      process.exit(0)
      break
    case 'endpoints':
      tell({ kind: 'endpoints', question: message.question, endpoints: proxy.endpoints() })
      break
    default:
      message satisfies never
  }
}

function beat(cell: Int32Array): void {
  setInterval(() => Atomics.add(cell, 0, 1), HEARTBEAT_MS)
}

/** Hostile bytes must not become a flood of messages to the main thread. */
function limitedLog(): (level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void {
  let second = 0
  let lines = 0
  return (level, message, fields) => {
    const now = Math.floor(systemClock.now() / 1000)
    if (now !== second) {
      second = now
      lines = 0
    }
    if (lines++ < LOG_LINES_PER_SECOND) tell({ kind: 'log', level, message, fields })
  }
}

run(workerData as WorkerStart).catch((error: unknown) => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error), code })
})
