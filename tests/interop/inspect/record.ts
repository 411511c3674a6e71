/**
 * Records the capture that docs/inspect.md shows: `node --conditions=meltemi-source tests/interop/inspect/record.ts`.
 * Each run replaces it, and the times and ports that the page shows with it.
 */

import { fileURLToPath } from 'node:url'
import { assertOutcomes } from '../thrift/expected.ts'
import { type PeerOptions, runClient, startServer } from '../thrift/peers.ts'
import { LiveCapture } from './live-capture.ts'

const FILE = fileURLToPath(new URL('testdata/thrift.pcap', import.meta.url))
const OPTIONS: PeerOptions = { transport: 'framed', protocol: 'binary' }

await using server = await startServer('python', OPTIONS)
const capture = await LiveCapture.start('tcpdump', FILE, server.port)
assertOutcomes(await runClient('npm', OPTIONS, server.port, ['text', 'number', 'fail', 'note', 'added']), 'python')
await capture.finish(1)
