import { fileURLToPath } from 'node:url'
import { PeerProgram } from '../peer-program.ts'

const PROGRAM = fileURLToPath(new URL('gen/go-peer', import.meta.url))

/** tRPC's own library for Go. */
export const goPeer: PeerProgram = new PeerProgram([PROGRAM], 'trpc', PROGRAM)
