import { fileURLToPath } from 'node:url'
import { PeerProgram } from '../peer-program.ts'

/** Apache bRPC itself, and brpc-go, which has no attachments. */
export const PEERS: Readonly<Record<'cpp' | 'go', PeerProgram>> = {
  cpp: new PeerProgram([pathOf('gen/cpp-peer')], 'brpc'),
  go: new PeerProgram([pathOf('gen/go-peer')], 'brpc'),
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
