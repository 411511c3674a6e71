/** Messages of my-protocol as the sample server and client see them. The layout is drawn in codec.ts. */

import type { Socket } from 'node:net'

/** The command of the sample's requests. */
export const HELLO = 1

/** A request, or the reply to one. */
export interface Message {
  readonly id: number
  readonly cmd: number
  readonly isFailed: boolean
  readonly text: string
}

const HEADER_BYTES = 13
const MAX_BYTES = 1024 * 1024

/** The bytes of a message. */
export function packMessage({ id, cmd, isFailed, text }: Message): Buffer {
  const payload = Buffer.from(text)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(1, 0)
  header.writeUInt32BE(id, 1)
  header.writeUInt32BE(HEADER_BYTES + payload.length, 5)
  header.writeInt16BE(cmd, 9)
  header.writeInt16BE(isFailed ? 1 : 0, 11)
  return Buffer.concat([header, payload])
}

/** Calls `onMessage` for each message that is whole. */
export function readMessages(socket: Socket, onMessage: (message: Message) => void): void {
  let unread = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk])
    while (unread.length >= HEADER_BYTES) {
      const length = unread.readUInt32BE(5)
      if (length < HEADER_BYTES || length > MAX_BYTES) return socket.destroy()
      if (unread.length < length) return
      onMessage(parseMessage(unread.subarray(0, length)))
      unread = unread.subarray(length)
    }
  })
}

function parseMessage(bytes: Buffer): Message {
  return {
    id: bytes.readUInt32BE(1),
    cmd: bytes.readInt16BE(9),
    isFailed: bytes.readInt16BE(11) !== 0,
    text: bytes.toString('utf8', HEADER_BYTES),
  }
}
