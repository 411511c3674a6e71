import net from 'node:net'
import type { ListenerConfig } from '@meltemi/api/model'
import { Inheritance } from './net/inheritance.ts'

export interface ChosenPorts {
  readonly listeners: readonly ListenerConfig[]
  /** Call when everything listens, or will not. */
  release(): Promise<void>
}

/**
 * Makes sure that every address is free before anything starts, and gives those with port 0 a port of their own.
 * Without this look, workers that share a port by `reusePort` could join another process that does the same. Where they
 * do (`isShared`), a chosen port is kept until it is released, and one that was asked for is guarded: else another
 * process could get it before they listen. What is inherited listens already.
 */
export async function choosePorts(
  listeners: readonly ListenerConfig[],
  isShared: boolean,
  inheritance: Inheritance = Inheritance.none,
): Promise<ChosenPorts> {
  const probes: net.Server[] = []
  const keepers: net.Server[] = []
  try {
    const chosen: ListenerConfig[] = []
    for (const listener of listeners) {
      const placed = inheritance.place(listener)
      if (placed !== undefined) {
        chosen.push(placed)
        continue
      }
      const { host, port } = listener.address
      const isKept = isShared && port === 0
      if (isShared && !isKept) keepers.push(...(await guard(listener)))
      const probe = await listen(listener, { host, port, reusePort: isKept, exclusive: true })
      if (isKept) keepers.push(probe)
      else probes.push(probe)
      chosen.push({ ...listener, address: { host, port: (probe.address() as net.AddressInfo).port } })
    }
    return { listeners: chosen, release: () => close(keepers) }
  } catch (error: unknown) {
    await close(keepers)
    throw error
  } finally {
    await close(probes)
  }
}

async function close(servers: readonly net.Server[]): Promise<void> {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
}

/** Nobody else chooses this address meanwhile, in the same network namespace: an abstract socket, which only Linux has. */
async function guard(listener: ListenerConfig): Promise<readonly net.Server[]> {
  if (process.platform !== 'linux') return []
  const { host, port } = listener.address
  return [await listen(listener, { path: `\0meltemi-listener-${host}:${port}` })]
}

function listen(listener: ListenerConfig, options: net.ListenOptions): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    // who connects before anybody serves would keep it from closing
    const server = net.createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => reject(describe(error, listener)))
    server.listen(options, () => resolve(server))
  })
}

function describe(error: NodeJS.ErrnoException, { name, address }: ListenerConfig): Error {
  const why = error.code === 'EADDRINUSE' ? 'the port is in use' : error.message
  return new Error(`listener '${name}' cannot listen on ${address.host}:${address.port}: ${why}`, { cause: error })
}
