/** A sample client of my-protocol. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { HELLO, type Message, packMessage, readMessages } from './messages.ts'

/** One connection; several calls may wait for their replies. */
export class SampleClient {
  readonly #socket: Socket
  /** Who waits for a reply, by the id of the request. */
  readonly #waiting = new Map<number, (reply: Message | undefined) => void>()
  #lastId = 0

  /** Rejects when nobody listens there. The connection ends with `signal`. */
  static async connect(port: number, signal: AbortSignal): Promise<SampleClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, signal })
    await once(socket, 'connect')
    return new SampleClient(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      for (const answer of this.#waiting.values()) answer(undefined)
    })
    readMessages(socket, (reply) => {
      this.#waiting.get(reply.id)?.(reply)
      this.#waiting.delete(reply.id)
    })
  }

  /** The text of the reply; rejects when that says it failed, and when the connection ends. */
  async hello(name: string): Promise<string> {
    const reply = await this.#call({ id: ++this.#lastId, cmd: HELLO, isFailed: false, text: name })
    if (reply === undefined) throw new Error('the connection has ended')
    if (reply.isFailed) throw new Error(`refused ${reply.text}`)
    return reply.text
  }

  close(): void {
    this.#socket.destroy()
  }

  #call(request: Message): Promise<Message | undefined> {
    if (this.#socket.destroyed) return Promise.resolve(undefined)
    this.#socket.write(packMessage(request))
    return new Promise((resolve) => this.#waiting.set(request.id, resolve))
  }
}
