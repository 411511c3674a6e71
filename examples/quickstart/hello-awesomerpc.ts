/**
 * A sample service in awesomerpc, a small binary protocol with request ids.
 *
 *   version 1 | id 4 | length 4, of all | command 2 | code 2, 0 = ok | payload
 */
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'

const HEADER_BYTES = 13

export type Callback = (error: Error | null, text: string) => void

/** A service that answers `PAYLOAD from VERSION`; `onRequest` is told of each request. */
export async function startHelloAwesomerpc(version: string, port: number, onRequest: () => void): Promise<Server> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    readMessages(socket, (message) => {
      onRequest()
      const text = `${message.toString('utf8', HEADER_BYTES)} from ${version}`
      socket.write(encode(message.readUInt32BE(1), message.readInt16BE(9), text))
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

export function connectHelloAwesomerpc(port: number, onError: (error: Error) => void) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const waiting = new Map<number, Callback>()
  let lastId = 0
  socket.on('error', onError)
  readMessages(socket, (message) => {
    const id = message.readUInt32BE(1)
    const callback = waiting.get(id)
    waiting.delete(id)
    const code = message.readInt16BE(11)
    callback?.(code === 0 ? null : new Error(`code ${code}`), message.toString('utf8', HEADER_BYTES))
  })
  return {
    sayHello(name: string, callback: Callback): void {
      waiting.set(++lastId, callback)
      socket.write(encode(lastId, 1, `hello ${name}`))
    },
    close: (): void => {
      socket.destroy()
    },
  }
}

function encode(id: number, command: number, text: string): Buffer {
  const payload = Buffer.from(text)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(1, 0)
  header.writeUInt32BE(id, 1)
  header.writeUInt32BE(HEADER_BYTES + payload.length, 5)
  header.writeInt16BE(command, 9)
  return Buffer.concat([header, payload])
}

function readMessages(socket: ReturnType<typeof connect>, onMessage: (message: Buffer) => void): void {
  let unread = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    unread = Buffer.concat([unread, chunk as Buffer])
    while (unread.length >= HEADER_BYTES && unread.length >= unread.readUInt32BE(5)) {
      const length = unread.readUInt32BE(5)
      onMessage(unread.subarray(0, length))
      unread = unread.subarray(length)
    }
  })
}
