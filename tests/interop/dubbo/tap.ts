/** Stands between two peers and notes what they say, message by message. */

import { once } from 'node:events'
import net from 'node:net'
import { dubbo } from '@meltemi/codecs/dubbo'
import { MessageType, type Metadata, type Side } from '@meltemi/sdk'
import { MessageReader } from '@meltemi/sdk/testing'

export class Tap implements AsyncDisposable {
  /** What clients sent, and what the service did, as bytes and as messages. */
  readonly sent: Record<Side, Buffer[]> = { downstream: [], upstream: [] }
  readonly messages: Record<Side, Metadata[]> = { downstream: [], upstream: [] }
  connections = 0
  /** Ended by the service. */
  closedByService = 0
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()

  private constructor(upstreamPort: number) {
    this.#server = net.createServer((client) => this.#join(client, net.connect(upstreamPort, '127.0.0.1')))
  }

  static async start(upstreamPort: number): Promise<Tap> {
    const tap = new Tap(upstreamPort)
    tap.#server.listen(0, '127.0.0.1')
    await once(tap.#server, 'listening')
    return tap
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: net.Socket, service: net.Socket): void {
    this.connections++
    service.once('end', () => this.closedByService++)
    this.#pass(client, service, 'downstream')
    this.#pass(service, client, 'upstream')
  }

  #pass(from: net.Socket, to: net.Socket, side: Side): void {
    const reader = new MessageReader(dubbo.create(side, undefined), side)
    this.#sockets.add(from.setNoDelay())
    from.on('error', () => from.destroy())
    from.on('close', () => to.end())
    from.on('data', (chunk: Buffer) => {
      this.sent[side].push(Buffer.from(chunk))
      this.messages[side].push(...reader.push(Buffer.from(chunk)))
      to.write(chunk)
    })
  }
}

export function countHeartbeats(tap: Tap, side: Side): number {
  return tap.messages[side].filter(({ type }) => type === MessageType.Heartbeat).length
}
