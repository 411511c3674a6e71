/**
 * Clients that mean no good, with the service that they ask, in a process of their own: `attack.ts SENDERS READERS`. Says
 * the port of the service in its first line, and begins when it reads that of the proxy. Senders announce a message of
 * 16 MiB and send 15.9 of them; readers ask again and again, and read nothing. Ends with its input, and says how many of
 * each have been closed.
 */

import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { awesomerpcFrame } from '../awesomerpc-frame.ts'
import { startEchoServer } from '../echo-server.ts'

const MIB = 1024 * 1024
const PART = Buffer.alloc(256 * 1024)
const ASKED_BYTES = 64 * 1024
const ASKED_TIMES = 1000
const [senders = 0, readers = 0] = process.argv.slice(2).map(Number)
const closed = { senders: 0, readers: 0 }
let sentBytes = 0

function attack(port: number, kind: keyof typeof closed, begin: (socket: Socket) => void): void {
  const socket = connect(port, '127.0.0.1', () => begin(socket))
  socket.on('error', () => {})
  socket.on('close', () => closed[kind]++)
}

/** Writes parts while there are some, as fast as they are taken. */
function pump(socket: Socket, next: () => Buffer | undefined): void {
  for (let part = next(); part !== undefined; part = next()) {
    sentBytes += part.length
    if (socket.write(part)) continue
    socket.once('drain', () => pump(socket, next))
    return
  }
}

function send(socket: Socket): void {
  const head = awesomerpcFrame({ id: 1 })
  head.writeUInt32BE(16 * MIB, 5)
  socket.write(head)
  let left = Math.floor(15.9 * MIB) - head.length
  pump(socket, () => {
    const part = PART.subarray(0, Math.min(left, PART.length))
    left -= part.length
    return part.length === 0 ? undefined : part
  })
}

function ask(socket: Socket): void {
  const request = awesomerpcFrame({ id: 1, body: Buffer.alloc(ASKED_BYTES) })
  let left = ASKED_TIMES
  socket.pause()
  pump(socket, () => (left-- > 0 ? request : undefined))
}

const service = await startEchoServer({
  codec: awesomerpc,
  handler: (request, connection) => void connection.answer(request),
})
console.log(service.port)
const [told] = (await once(process.stdin, 'data')) as [Buffer]
for (let n = 0; n < senders; n++) attack(Number(told), 'senders', send)
for (let n = 0; n < readers; n++) attack(Number(told), 'readers', ask)
await once(process.stdin, 'end')
writeSync(1, `${JSON.stringify({ ...closed, sentMib: Math.round(sentBytes / MIB) })}\n`)
process.exit(0)
