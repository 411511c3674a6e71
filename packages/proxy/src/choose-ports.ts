import net from 'node:net'
import type { ListenerConfig, SocketAddress } from '@meltemi/api/model'

/**
 * Makes sure that every address is free before anything starts, and gives those with port 0 a port of their own.
 * Without this look, workers that share a port by `reusePort` could join another process that does the same.
 */
export async function choosePorts(listeners: readonly ListenerConfig[]): Promise<ListenerConfig[]> {
  const probes: net.Server[] = []
  try {
    const chosen: ListenerConfig[] = []
    for (const listener of listeners) {
      const probe = await listen(listener.name, listener.address)
      probes.push(probe)
      chosen.push({
        ...listener,
        address: { host: listener.address.host, port: (probe.address() as net.AddressInfo).port },
      })
    }
    return chosen
  } finally {
    await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))))
  }
}

function listen(name: string, address: SocketAddress): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', (error: NodeJS.ErrnoException) => reject(describe(error, name, address)))
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => resolve(server))
  })
}

function describe(error: NodeJS.ErrnoException, name: string, { host, port }: SocketAddress): Error {
  const why = error.code === 'EADDRINUSE' ? 'the port is in use' : error.message
  return new Error(`listener '${name}' cannot listen on ${host}:${port}: ${why}`, { cause: error })
}
