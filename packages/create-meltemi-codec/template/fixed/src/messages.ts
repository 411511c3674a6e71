/** Messages of my-protocol as the sample server and client see them. The layout is drawn in codec.ts. */

import type { Socket } from 'node:net'

/** The command of the sample's requests. */
export const HELLO = 1

/** A request, or the reply to one. */
export interface Message {
  readonly id: number
  readonly cmd: number
  readonly isFailed: boolean
  /** At most 26 bytes of UTF-8; what is longer is cut off. */
  readonly text: string
}

const RECORD_BYTES = 32

/** The bytes of a message. */
export function packMessage({ id, cmd, isFailed, text }: Message): Buffer {
  const record = Buffer.alloc(RECORD_BYTES)
  record.writeUInt32BE(id, 0)
  record.writeUInt8(cmd, 4)
  record.writeUInt8(isFailed ? 1 : 0, 5)
  record.write(text, 6)
  return record
}

/** Calls `onMessage` for each record that is whole. */
export function readMessages(socket: Socket, onMessage: (message: Message) => void): void {
  let unread = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk])
    while (unread.length >= RECORD_BYTES) {
      onMessage(parseMessage(unread.subarray(0, RECORD_BYTES)))
      unread = unread.subarray(RECORD_BYTES)
    }
  })
}

function parseMessage(record: Buffer): Message {
  return {
    id: record.readUInt32BE(0),
    cmd: record.readUInt8(4),
    isFailed: record.readUInt8(5) !== 0,
    text: record.toString('utf8', 6).replace(/\0+$/, ''),
  }
}
