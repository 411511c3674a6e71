import net from 'node:net'
import type { ListenerConfig, SocketAddress } from '@meltemi/api/model'

export interface ChosenPorts {
  readonly listeners: readonly ListenerConfig[]
  /** Call when everything listens, or will not. */
  release(): Promise<void>
}

/**
 * Makes sure that every address is free before anything starts, and gives those with port 0 a port of their own.
 * Without this look, workers that share a port by `reusePort` could join another process that does the same. Where they
 * do (`isShared`), a chosen port is kept until it is released: else another process could get it before they listen.
 */
export async function choosePorts(listeners: readonly ListenerConfig[], isShared: boolean): Promise<ChosenPorts> {
  const probes: net.Server[] = []
  const keepers: net.Server[] = []
  try {
    const chosen: ListenerConfig[] = []
    for (const listener of listeners) {
      const { host, port } = listener.address
      const isKept = isShared && port === 0
      const probe = await listen(listener.name, listener.address, isKept)
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

function listen(name: string, address: SocketAddress, reusePort: boolean): Promise<net.Server> {
  const { host, port } = address
  return new Promise((resolve, reject) => {
    // who connects before anybody serves would keep it from closing
    const server = net.createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => reject(describe(error, name, address)))
    server.listen({ host, port, reusePort, exclusive: true }, () => resolve(server))
  })
}

function describe(error: NodeJS.ErrnoException, name: string, { host, port }: SocketAddress): Error {
  const why = error.code === 'EADDRINUSE' ? 'the port is in use' : error.message
  return new Error(`listener '${name}' cannot listen on ${host}:${port}: ${why}`, { cause: error })
}
