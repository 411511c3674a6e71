// One connection of a client that numbers its requests and reads which version answered each of them.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { wires } from '../load/wire.ts'

export interface VersionListener {
  /** Request `number` was answered by this version. */
  onAnswer(number: number, version: number): void
  /** It was answered by an error. */
  onError(number: number, code: number): void
  onClose(): void
}

const { buildRequest, frameLength, idAt, lengthBytes, payloadAt } = wires.awesomerpc
const CODE_AT = 11

export class VersionConnection {
  readonly #listener: VersionListener
  readonly #frame = buildRequest(Buffer.alloc(4))
  #socket: Socket | undefined
  #rest: Buffer = Buffer.alloc(0)
  #inFlight = 0
  #isClosing = false

  constructor(listener: VersionListener) {
    this.#listener = listener
  }

  async open(port: number): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket = socket
    await once(socket, 'connect')
    socket.on('error', () => {}) // 'close' follows
    socket.once('close', () => this.#isClosing || this.#listener.onClose())
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
  }

  send(number: number): void {
    const frame = Buffer.from(this.#frame)
    frame.writeUInt32BE(number, idAt)
    this.#inFlight++
    this.#socket?.write(frame)
  }

  /** After the last answer. */
  retire(): void {
    this.#isClosing = true
    if (this.#inFlight === 0) this.close()
  }

  close(): void {
    this.#isClosing = true
    this.#socket?.destroy()
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (bytes.length - at >= lengthBytes && bytes.length - at >= frameLength(bytes, at)) {
      this.#take(bytes, at)
      at += frameLength(bytes, at)
    }
    this.#rest = bytes.subarray(at)
    if (this.#isClosing && this.#inFlight === 0) this.close()
  }

  #take(bytes: Buffer, at: number): void {
    this.#inFlight--
    const number = bytes.readUInt32BE(at + idAt)
    const code = bytes.readInt16BE(at + CODE_AT)
    if (code === 0) this.#listener.onAnswer(number, bytes.readUInt32BE(at + payloadAt))
    else this.#listener.onError(number, code)
  }
}
