// The service behind every peer: answers each complete request with its own payload.
// Run as a child: node echo-backend.ts awesomerpc|thrift|dubbo joined|single; sends its port to the parent.

import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Wire, type WireName, type Writes, wires } from './wire.ts'

const wire = wires[process.argv[2] as WireName]
const writes = process.argv[3] as Writes
const server = createServer({ noDelay: true }, (socket) => answer(socket, wire))
server.listen({ port: 0, host: '127.0.0.1', backlog: 16_384 }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port })
})
process.once('disconnect', () => process.exit(0))

function answer(socket: Socket, wire: Wire): void {
  let rest: Buffer | undefined
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk])
    const end = turnAll(wire, bytes, writes === 'single' ? socket : undefined)
    rest = end === bytes.length ? undefined : bytes.subarray(end)
    if (end > 0 && writes === 'joined') socket.write(rest === undefined ? bytes : bytes.subarray(0, end))
  })
}

// Where the last complete request ends. With a socket, each reply goes there by itself.
function turnAll(wire: Wire, bytes: Buffer, socket: Socket | undefined): number {
  let at = 0
  while (bytes.length - at >= wire.lengthBytes) {
    const length = wire.frameLength(bytes, at)
    if (bytes.length - at < length) break
    wire.turnIntoReply(bytes, at)
    socket?.write(bytes.subarray(at, at + length))
    at += length
  }
  return at
}
