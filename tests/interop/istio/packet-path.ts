/** The files of deploy/istio: tests use them as they stand there, with addresses of their own. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { ROOT } from '../../../scripts/workspace.ts'

/** Folder of what docs/packet-paths.md tells to use. */
export const PACKET_PATHS: string = join(ROOT, 'deploy/istio')

/** The text of one, with these texts replaced; throws when one of them is not there. */
export function packetPath(name: string, replaced: Readonly<Record<string, string>>): string {
  const text = readFileSync(join(PACKET_PATHS, name), 'utf8')
  return Object.entries(replaced).reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`${name} does not say ${from}`)
    return changed.replaceAll(from, to)
  }, text)
}

/** The resources of one. */
export function packetPathResources(name: string): readonly PathResource[] {
  return parseAllDocuments(packetPath(name, {})).map((document) => document.toJS() as PathResource)
}

export interface PathResource {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Readonly<Record<string, unknown>>
}
