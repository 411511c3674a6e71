/** The sample's resources in a folder of their own, with ports that are free on this machine. */

import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('.', import.meta.url))
/** Every port that the resources name, and those of the control plane and the proxy. */
const PORTS = [9090, 9091, 9101, 9102, 9103, 9104, 15_000, 15_010, 15_080] as const
export type SamplePort = (typeof PORTS)[number]

export interface Placed {
  readonly folder: string
  /** The port that is used in the place of one that the files name. */
  port(named: SamplePort): number
}

export async function placeResources(): Promise<Placed> {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-quickstart-'))
  const ports = new Map<number, number>()
  for (const port of PORTS) ports.set(port, await freePort(port, new Set(ports.values())))
  for (const name of readdirSync(HERE).filter((file) => file.endsWith('.yaml'))) {
    const text = readFileSync(join(HERE, name), 'utf8')
    writeFileSync(
      join(folder, name),
      text.replace(/\b9\d{3}\b/g, (named) => String(ports.get(Number(named)) ?? named)),
    )
  }
  return { folder, port: (named) => ports.get(named) as number }
}

/** The wanted port when it is free, else any. */
async function freePort(wanted: number, taken: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const port = (await tryPort(wanted)) ?? (await tryPort(0))
    if (port !== undefined && !taken.has(port)) return port
  }
}

async function tryPort(port: number): Promise<number | undefined> {
  const probe = createServer()
  try {
    probe.listen(port, '127.0.0.1')
    await once(probe, 'listening')
    const address = probe.address()
    return typeof address === 'object' && address !== null ? address.port : undefined
  } catch {
    return undefined // taken
  } finally {
    if (probe.listening) {
      probe.close()
      await once(probe, 'close')
    }
  }
}
