/**
 * Records what real bRPC peers say to each other as the golden bytes of the codec's own tests:
 * `node --conditions=meltemi-source tests/interop/brpc/capture.ts`. Each run replaces the files.
 */

import { recordSamples } from '../record-samples.ts'
import { PEERS } from './peers.ts'

await recordSamples({
  codec: 'brpc',
  conversations: [
    { name: 'cpp', client: PEERS.cpp, server: PEERS.cpp, calls: ['say', 'attach', 'gzip', 'logId', 'fail', 'added'] },
    { name: 'go', client: PEERS.go, server: PEERS.go, calls: ['say', 'fail', 'added'] },
  ],
  changeable: [],
})
