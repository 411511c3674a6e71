// The measuring side of heap-probe.ts.

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ThreadState } from './heap-probe.ts'

const TIMEOUT_MS = 5000

/** Arguments for the Node of a proxy that is to be asked by `collectGarbage`. */
export function probeArgs(folder: string): string[] {
  process.env['MELTEMI_HEAP_PROBE_FILE'] = probeFile(folder)
  return ['--expose-gc', `--import=${join(import.meta.dirname, 'heap-probe.ts')}`]
}

/** Lets every thread of the proxy collect its garbage and returns what is left, the main thread first. */
export async function collectGarbage(pid: number, folder: string, threads: number): Promise<ThreadState[]> {
  const file = probeFile(folder)
  rmSync(file, { force: true })
  process.kill(pid, 'SIGUSR2')
  const deadlineMs = performance.now() + TIMEOUT_MS
  while (readLines(file).length < threads) {
    if (performance.now() > deadlineMs) throw new Error(`the heap probe of ${threads} threads does not answer`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const states = readLines(file).map((line) => JSON.parse(line) as ThreadState)
  return states.toSorted((a, b) => a.threadId - b.threadId)
}

function readLines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
}

function probeFile(folder: string): string {
  return join(folder, 'heap')
}
