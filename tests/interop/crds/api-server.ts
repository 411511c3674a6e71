/** Asks the code of the Kubernetes API server what it thinks of definitions and of objects. */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('./gen/peer', import.meta.url))
const MAX_REPLY_BYTES = 64 * 1024 * 1024

export interface ServerOpinion {
  /** What is wrong with the definition. */
  readonly Definition: readonly string[]
  readonly Objects: readonly { readonly Faults: readonly string[]; readonly Unknown: readonly string[] }[]
}

/** `definition`: its text in YAML. Throws when the peer is missing, or cannot read it. */
export function askApiServer(definition: string, objects: readonly unknown[]): ServerOpinion {
  if (!existsSync(PROGRAM)) throw new Error('the peer is missing: run scripts/setup-interop.sh crds')
  const input = `${JSON.stringify({ Definition: definition, Objects: objects })}\n`
  return JSON.parse(execFileSync(PROGRAM, { input, maxBuffer: MAX_REPLY_BYTES, encoding: 'utf8' })) as ServerOpinion
}
