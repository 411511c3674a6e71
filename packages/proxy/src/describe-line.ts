import type { ModuleReport } from './admin/inspector.ts'
import type { ModuleLine } from './module-line.ts'

/** What `/codecs` says of a module. */
export function describeLine(line: ModuleLine): ModuleReport {
  const { path, current, previous, refused, isBuiltIn } = line
  const { version, codecs, filters } = current.version
  return {
    module: isBuiltIn ? 'built-in' : path,
    version,
    digest: digestText(current.version),
    since: new Date(current.sinceMs).toISOString(),
    codecs,
    filters,
    previous: previous.map((entry) => ({ version: entry.version.version, digest: digestText(entry.version) })),
    refused:
      refused === undefined
        ? null
        : { digest: digestText(refused.version), at: new Date(refused.atMs).toISOString(), faults: refused.faults },
  }
}

function digestText({ digest }: { readonly digest: string }): string {
  return digest === '' ? '' : `sha256:${digest}`
}
