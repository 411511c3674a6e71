// The service behind every peer: answers each complete request with its own payload, in one write per read.
// Run as a child: node echo-backend.ts awesomerpc|thrift; sends its port to the parent.

import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Wire, type WireName, wires } from './wire.ts'

const wire = wires[process.argv[2] as WireName]
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
    const end = turnAll(wire, bytes)
    rest = end === bytes.length ? undefined : bytes.subarray(end)
    if (end > 0) socket.write(rest === undefined ? bytes : bytes.subarray(0, end))
  })
}

// Where the last complete request ends.
function turnAll(wire: Wire, bytes: Buffer): number {
  let at = 0
  while (bytes.length - at >= wire.lengthBytes) {
    const length = wire.frameLength(bytes, at)
    if (bytes.length - at < length) break
    wire.turnIntoReply(bytes, at)
    at += length
  }
  return at
}
