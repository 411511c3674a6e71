import { fileURLToPath } from 'node:url'
import { PeerProgram } from '../peer-program.ts'

/** tRPC's own library for Go. */
export const goPeer: PeerProgram = new PeerProgram([fileURLToPath(new URL('gen/go-peer', import.meta.url))], 'trpc')
