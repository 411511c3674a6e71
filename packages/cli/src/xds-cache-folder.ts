import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where a proxy keeps its last good configuration: below XDG_CACHE_HOME, or ~/.cache, apart for each node. */
export function xdsCacheFolder(nodeId: string, environment: NodeJS.ProcessEnv = process.env): string {
  const xdg = environment['XDG_CACHE_HOME']
  const base = xdg?.startsWith('/') ? xdg : join(homedir(), '.cache')
  return join(base, 'meltemi', 'xds', encodeURIComponent(nodeId).replaceAll('.', '%2E'))
}
