/** Loads a packed module as a worker of the proxy does, before anybody else has to. */

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CommandError } from '../command-error.ts'

export interface PackedContents {
  readonly codecs: readonly { readonly name: string; readonly contract: number; readonly correlation: string }[]
  readonly filters: readonly { readonly name: string; readonly typeUrl: string }[]
}

/** What the thread tells: what it has found, and what is wrong with it. */
export interface CheckResult extends PackedContents {
  readonly faults: readonly string[]
}

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './check-thread.ts' : './check-thread.js', import.meta.url)

/** What the module brings, loaded alone in an empty folder. Throws a CommandError, with `name` in it, if it cannot be, or not in time. */
export async function checkPacked(code: string, name: string, timeoutMs = 15_000): Promise<PackedContents> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'meltemi-packed-')))
  try {
    const file = join(folder, 'packed.mjs')
    writeFileSync(file, code)
    const { faults, codecs, filters } = await runThread(file, timeoutMs)
    const lines = faults.map((fault) => `${name} (packed): ${fault.replaceAll(`${folder}/`, '')}`)
    if (lines.length > 0) throw new CommandError(lines)
    return { codecs, filters }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runThread(file: string, timeoutMs: number): Promise<CheckResult> {
  // what the module prints is not part of what this command says
  const worker = new Worker(ENTRY, { workerData: file, stdout: true, stderr: true })
  worker.stdout.resume()
  worker.stderr.resume()
  const { promise, resolve } = Promise.withResolvers<CheckResult>()
  const fail = (fault: string): void => resolve({ faults: [fault], codecs: [], filters: [] })
  worker.on('message', resolve)
  worker.on('error', (error: Error) => fail(`it cannot be loaded: ${error.name}: ${error.message}`))
  worker.on('exit', () => fail('it ends the thread that loads it'))
  const timer = setTimeout(() => fail(`it has not finished loading after ${timeoutMs / 1000} s`), timeoutMs)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}
