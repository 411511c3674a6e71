/**
 * Records what real peers say to each other as the golden bytes of the codec's own tests:
 * `node --conditions=meltemi-source tests/interop/thrift/capture.ts`. Each run replaces the files.
 */

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { assertOutcomes } from './expected.ts'
import { type Language, type PeerOptions, runClient, startServer } from './peers.ts'

const TESTDATA = new URL('../../../packages/codecs/src/thrift/testdata/', import.meta.url)
const CALLS = ['text', 'number', 'item', 'lists', 'fail', 'note', 'added']
const CONVERSATIONS: readonly (readonly [Language, Language, PeerOptions])[] = [
  ['npm', 'python', { transport: 'framed', protocol: 'binary' }],
  ['go', 'python', { transport: 'framed', protocol: 'compact' }],
  ['python', 'go', { transport: 'buffered', protocol: 'binary', multiplexed: true }],
  ['npm', 'go', { transport: 'buffered', protocol: 'compact' }],
  ['go', 'python', { transport: 'header', protocol: 'binary' }],
  ['python', 'go', { transport: 'header', protocol: 'compact' }],
]

for (const [client, server, options] of CONVERSATIONS) {
  await using running = await startServer(server, options)
  const requests: Buffer[] = []
  const replies: Buffer[] = []
  const tap = net.createServer((socket) => {
    const upstream = net.connect(running.port, '127.0.0.1')
    socket.on('data', (chunk) => requests.push(chunk)).pipe(upstream)
    upstream.on('data', (chunk) => replies.push(chunk)).pipe(socket)
  })
  tap.listen(0, '127.0.0.1')
  await once(tap, 'listening')
  assertOutcomes(await runClient(client, options, (tap.address() as net.AddressInfo).port, CALLS), server)
  tap.close()
  const name = `${options.transport}-${options.protocol}`
  writeFileSync(new URL(`${name}-requests-${client}.bin`, TESTDATA), Buffer.concat(requests))
  writeFileSync(new URL(`${name}-replies-${server}.bin`, TESTDATA), Buffer.concat(replies))
}
