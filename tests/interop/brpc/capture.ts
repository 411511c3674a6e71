/**
 * Records what real bRPC peers say to each other as the golden bytes of the codec's own tests:
 * `node --conditions=meltemi-source tests/interop/brpc/capture.ts`. Each run replaces the files.
 */

import { recordSamples } from '../record-samples.ts'
import { javaPeer } from './peer.ts'

const CALLS = ['say', 'attach', 'gzip', 'logId', 'fail']

await recordSamples({
  codec: 'brpc',
  conversations: [{ name: 'java', client: javaPeer, server: javaPeer, calls: CALLS }],
  changeable: [],
})
