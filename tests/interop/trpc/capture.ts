/**
 * Records what real tRPC peers say to each other as the golden bytes of the codec's own tests:
 * `node --conditions=meltemi-source tests/interop/trpc/capture.ts`. Each run replaces the files.
 */

import { recordSamples } from '../record-samples.ts'
import { goPeer } from './peer.ts'

const CALLS = ['say', 'meta', 'fail', 'break', 'added', 'note', 'sum', 'list', 'parrot', 'failStream', 'addedStream']

await recordSamples({
  codec: 'trpc',
  conversations: [{ name: 'go', client: goPeer, server: goPeer, calls: CALLS }],
  changeable: ['user', 'token', 'answered'],
})
