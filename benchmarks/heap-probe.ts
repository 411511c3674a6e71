// Loaded into a proxy under test by `--import`, in its main thread and in each worker. On SIGUSR2 every thread collects
// its garbage and says what is left; the main thread appends one line of JSON for each to the file in the environment.

import { appendFileSync } from 'node:fs'
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads'

export interface ThreadState {
  readonly threadId: number
  readonly heapBytes: number
  readonly bufferBytes: number
  /** What keeps the thread's event loop busy, such as sockets and timers: kind to number. */
  readonly resources: Readonly<Record<string, number>>
}

const channel = new BroadcastChannel('meltemi-heap-probe')
const file = process.env['MELTEMI_HEAP_PROBE_FILE']

channel.onmessage = (event: unknown) => {
  const { data } = event as { data: 'collect' | ThreadState }
  if (data === 'collect') channel.postMessage(collect())
  else if (isMainThread) write(data)
}
;(channel as unknown as { unref(): void }).unref()

if (isMainThread) {
  process.on('SIGUSR2', () => {
    channel.postMessage('collect')
    write(collect())
  })
}

function collect(): ThreadState {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  return { threadId, heapBytes: heapUsed, bufferBytes: arrayBuffers, resources }
}

function write(state: ThreadState): void {
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(state)}\n`)
}
