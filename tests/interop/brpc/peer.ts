import { fileURLToPath } from 'node:url'
import { PeerProgram } from '../peer-program.ts'

const GEN = fileURLToPath(new URL('gen', import.meta.url))
/** The library makes classes at run time, which Java allows only where it is told to. */
const OPENED = ['java.base/java.lang=ALL-UNNAMED', 'java.base/java.nio=ALL-UNNAMED']
const FLAGS = ['-Dfile.encoding=UTF-8', ...OPENED.flatMap((module) => ['--add-opens', module])]

/** bRPC for Java. */
export const javaPeer: PeerProgram = new PeerProgram(
  ['java', ...FLAGS, '-cp', `${GEN}/classes:${GEN}/lib/*`, 'Peer'],
  'brpc',
  `${GEN}/classes/Peer.class`,
)
