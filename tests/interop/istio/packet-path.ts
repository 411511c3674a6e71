/** The configurations of docs/packet-paths.md: tests run them as they stand there, with addresses of their own. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../../scripts/workspace.ts'

const PAGE = join(ROOT, 'docs/packet-paths.md')

/** Name, which is the first line of a block of YAML, → its text. */
export function packetPaths(): ReadonlyMap<string, string> {
  const blocks = readFileSync(PAGE, 'utf8').matchAll(/^```yaml\n# (\S+)\n(.*?)^```$/gms)
  return new Map([...blocks].map(([, name = '', text = '']) => [name, text]))
}

/** One of them, with these texts replaced; throws when one of them is not there. */
export function packetPath(name: string, replaced: Readonly<Record<string, string>>): string {
  const text = packetPaths().get(name)
  if (text === undefined) throw new Error(`docs/packet-paths.md has no ${name}`)
  return Object.entries(replaced).reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`${name} does not say ${from}`)
    return changed.replaceAll(from, to)
  }, text)
}
