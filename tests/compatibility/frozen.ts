/**
 * Packed modules as they were built for their contract. They are never built again: a proxy runs what was built for the
 * proxy before it, or says why it does not.
 */

import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CodecDefinition, FilterDefinition } from '@meltemi/sdk'

export interface FrozenModule {
  readonly contract: number
  /** What made it. */
  readonly origin: string
  readonly file: string
  /** Of its bytes, in hex. */
  readonly sha256: string
}

export const FROZEN: readonly FrozenModule[] = [
  {
    contract: 0,
    origin: 'the draft in which `patchIds` got a head without `start`',
    file: pathOf('contract-0/frozen-contract-0-0.0.1.mjs'),
    sha256: '6105422cce20ab30481a6c983d091d74e63b6b124a23a0be3a8477bd256b98f5',
  },
  {
    contract: 1,
    origin: '`meltemi codec pack` 0.1.0',
    file: pathOf('contract-1/frozen-contract-1-1.0.0.mjs'),
    sha256: 'e89f1ba951e7324a3b2475793f97d938088c84282f2df17a7597dfd7aaeb3757',
  },
  {
    contract: 2,
    origin: 'a contract that is still to come',
    file: pathOf('contract-2/frozen-contract-2-2.0.0.mjs'),
    sha256: '8c53a817ed48c14de29072ece3944a7eac461179ab1b9d86393facfe25595dc1',
  },
]

/** The module that was built for this contract. */
export function frozenModule(contract: number): FrozenModule {
  const found = FROZEN.find((module) => module.contract === contract)
  if (found === undefined) throw new RangeError(`no module is kept for contract ${contract}`)
  return found
}

export interface FrozenExports {
  readonly codecs: readonly CodecDefinition[]
  readonly filters: readonly FilterDefinition[]
}

/** What the module of contract 1 exports, imported as it is: it brings its own copy of the sdk. */
export async function importFrozen(): Promise<FrozenExports> {
  return (await import(frozenModule(1).file)) as FrozenExports
}

/** The manifest that was written with the module. */
export function manifestOf({ file }: FrozenModule): Record<string, unknown> {
  const manifest = file.replace(/\.mjs$/, '.json')
  return { ...(JSON.parse(readFileSync(manifest, 'utf8')) as object), of: basename(file) }
}

function pathOf(name: string): string {
  return join(import.meta.dirname, 'testdata', name)
}
