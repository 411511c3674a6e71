// Services of the sample protocol, one for each version, that answer every request with the number of their version.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { wires } from '../load/wire.ts'

const { frameLength, lengthBytes, payloadAt } = wires.awesomerpc

export class VersionServices implements AsyncDisposable {
  /** By version. */
  readonly ports: readonly number[]
  readonly #servers: readonly Server[]
  readonly #sockets: ReadonlySet<Socket>

  constructor(servers: readonly Server[], sockets: ReadonlySet<Socket>) {
    this.#servers = servers
    this.#sockets = sockets
    this.ports = servers.map((server) => (server.address() as AddressInfo).port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

export async function startVersionServices(versions: number): Promise<VersionServices> {
  const sockets = new Set<Socket>()
  const servers = Array.from({ length: versions }, (_, version) =>
    createServer({ noDelay: true }, (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      answer(socket, version)
    }).listen(0, '127.0.0.1'),
  )
  await Promise.all(servers.map((server) => once(server, 'listening')))
  return new VersionServices(servers, sockets)
}

function answer(socket: Socket, version: number): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('error', () => {}) // the proxy closes as it likes
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (bytes.length - at >= lengthBytes && bytes.length - at >= frameLength(bytes, at)) {
      bytes.writeUInt32BE(version, at + payloadAt)
      at += frameLength(bytes, at)
    }
    rest = bytes.subarray(at)
    if (at > 0) socket.write(bytes.subarray(0, at))
  })
}
