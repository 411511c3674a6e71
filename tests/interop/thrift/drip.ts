import { once } from 'node:events'
import net from 'node:net'

/** Stands before a port and passes on what clients send byte by byte, each in a write of its own. */
export class Drip implements AsyncDisposable {
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()

  private constructor(port: number) {
    this.#server = net.createServer((client) => this.#accept(client, port))
  }

  static async start(port: number): Promise<Drip> {
    const drip = new Drip(port)
    drip.#server.listen(0, '127.0.0.1')
    await once(drip.#server, 'listening')
    return drip
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: net.Socket, port: number): void {
    const service = net.connect({ port, host: '127.0.0.1', noDelay: true })
    for (const socket of [client, service]) {
      this.#sockets.add(socket)
      socket.on('error', () => socket.destroy())
    }
    service.pipe(client)
    // a turn of the event loop between writes, or they would leave as one
    client.on('data', async (chunk: Buffer) => {
      client.pause()
      for (let n = 0; n < chunk.length; n++) {
        service.write(chunk.subarray(n, n + 1))
        await new Promise(setImmediate)
      }
      client.resume()
    })
    client.on('end', () => service.end())
  }
}
