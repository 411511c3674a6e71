import { readFileSync } from 'node:fs'

/** Of this package, and so of Meltemi: all packages have one version. */
export function readVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
