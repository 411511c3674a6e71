/** Messages of my-protocol as the sample server and client see them. The layout is drawn in codec.ts. */

import type { Socket } from 'node:net'

/** The command of the sample's requests. */
export const HELLO = 'HELLO'

/** A request, or the reply to one. */
export interface Message {
  /** Not in the line: which one it is on its connection, from 1. So a reply has the number of its request. */
  readonly id: number
  readonly cmd: string
  readonly isFailed: boolean
  readonly text: string
}

const FAILED = 'FAILED'
const MAX_BYTES = 1024 * 1024

/** The bytes of a message. */
export function packMessage({ cmd, isFailed, text }: Message): Buffer {
  return Buffer.from(`${isFailed ? FAILED : cmd} ${text}\r\n`)
}

/** Calls `onMessage` for each line that is whole. */
export function readMessages(socket: Socket, onMessage: (message: Message) => void): void {
  let unread = Buffer.alloc(0)
  let id = 0
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk])
    for (let end = unread.indexOf('\n'); end >= 0; end = unread.indexOf('\n')) {
      onMessage(parseMessage(++id, unread.toString('utf8', 0, end)))
      unread = unread.subarray(end + 1)
    }
    if (unread.length > MAX_BYTES) socket.destroy()
  })
}

function parseMessage(id: number, line: string): Message {
  const [, cmd = '', text = ''] = /^(\S*) ?(.*?)\r?$/.exec(line) ?? []
  return { id, cmd, isFailed: cmd === FAILED, text }
}
