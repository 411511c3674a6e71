// Starts the backend and the generator as processes of their own and talks to them.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { LoadAnswer } from './generator.ts'
import type { LoadOrder, LoadResult } from './run-load.ts'
import type { WireName, Writes } from './wire.ts'

export interface Backend {
  readonly port: number
  readonly pid: number
  stop(): void
}

export async function startBackend(wire: WireName, writes: Writes): Promise<Backend> {
  const child = fork(join(import.meta.dirname, 'echo-backend.ts'), [wire, writes])
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { port, pid: child.pid!, stop: () => child.disconnect() }
}

export interface Generator {
  /** One order at a time; rejects when a connection broke or a reply was wrong. */
  run(order: LoadOrder): Promise<LoadResult>
  stop(): void
}

export function startGenerator(): Generator {
  const child = fork(join(import.meta.dirname, 'generator.ts'))
  const ended = new AbortController()
  child.once('exit', (code) => ended.abort(new Error(`the load generator ended with code ${code}`)))
  return { run: (order) => runOrder(child, ended.signal, order), stop: () => child.disconnect() }
}

async function runOrder(child: ChildProcess, signal: AbortSignal, order: LoadOrder): Promise<LoadResult> {
  const answered = once(child, 'message', { signal })
  child.send(order)
  const [answer] = (await answered) as [LoadAnswer]
  if ('error' in answer) throw new Error(answer.error)
  return answer.result
}
