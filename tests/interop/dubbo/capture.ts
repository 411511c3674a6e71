/**
 * Records what real peers say to each other as the golden bytes of the codec's own tests:
 * `node --conditions=meltemi-source tests/interop/dubbo/capture.ts [client…]`. Each run replaces the files of these clients,
 * without names those of all.
 */

import { writeFileSync } from 'node:fs'
import { type Peer, PeerClient, PeerServer } from './peers.ts'
import { Tap } from './tap.ts'

const TESTDATA = new URL('../../../packages/codecs/src/dubbo/testdata/', import.meta.url)
const JAVA_CALLS = [
  ...['text', 'blue', 'number', 'item', 'mixed', 'nothing', 'fail', 'crash', 'later', 'note', 'notes', 'echo'],
  ...['generic', 'generic item', 'generic fail', 'attached'],
]
const NPM_CALLS = ['text', 'blue', 'number', 'fail', 'attached']
const GO_CALLS = [...NPM_CALLS, 'nothing', 'note', 'notes']
const CONVERSATIONS: readonly (readonly [client: Peer, server: Peer, calls: readonly string[]])[] = [
  ['java-2.7', 'java-2.7', JAVA_CALLS],
  ['java-3', 'java-3', JAVA_CALLS],
  ['java-3', 'java-2.7', JAVA_CALLS],
  ['go', 'go', GO_CALLS],
  ['npm', 'npm', NPM_CALLS],
]

const wanted = process.argv.slice(2)
for (const [clientPeer, serverPeer, calls] of CONVERSATIONS) {
  if (wanted.length > 0 && !wanted.includes(clientPeer)) continue
  await using server = await PeerServer.start(serverPeer)
  await using tap = await Tap.start(server.port)
  {
    await using client = new PeerClient(clientPeer)
    for (const call of calls) process.stdout.write(`${JSON.stringify(await client.call(tap.port, call))}\n`)
  }
  const name = `${clientPeer}-to-${serverPeer}`
  writeFileSync(new URL(`${name}-requests.bin`, TESTDATA), Buffer.concat(tap.sent.downstream))
  writeFileSync(new URL(`${name}-replies.bin`, TESTDATA), Buffer.concat(tap.sent.upstream))
}
