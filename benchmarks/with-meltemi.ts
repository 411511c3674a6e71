// One Meltemi between a load and the echo backend, for measurements without peers.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitOnSignals } from './exit-on-signals.ts'
import type { Generator } from './load/load-process.ts'
import { startBackend, startGenerator } from './load/load-process.ts'
import { createMeltemi, type MeltemiOptions } from './peers/meltemi.ts'
import type { RunningPeer } from './peers/peer.ts'

export interface Setting {
  readonly meltemi: RunningPeer
  readonly generator: Generator
  readonly backendPid: number
  readonly folder: string
}

/** Starts all, lets `use` work with it, stops all in any case. */
export async function withMeltemi<T>(
  createOptions: (folder: string) => MeltemiOptions,
  use: (setting: Setting) => Promise<T>,
): Promise<T> {
  exitOnSignals()
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-bench-'))
  const options = createOptions(folder)
  const backend = await startBackend(options.wire, 'joined')
  const generator = startGenerator()
  let meltemi: RunningPeer | undefined
  try {
    meltemi = await createMeltemi(options).start({ backendPort: backend.port, folder })
    return await use({ meltemi, generator, backendPid: backend.pid, folder })
  } finally {
    generator.stop()
    await meltemi?.stop()
    backend.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
