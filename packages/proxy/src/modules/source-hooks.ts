import { type LoadFnOutput, type RegisterHooksOptions, registerHooks } from 'node:module'
import { type SourceFile, versionedUrl, withoutVersions } from './module-version.ts'

const SHARED_PACKAGES = ['@meltemi/sdk', '@meltemi/sdk/testing']
/** A codec of more files than these is a program; and what is read is kept. */
const MAX_FILES = 256
const MAX_BYTES = 16 * 1024 * 1024
const FORMATS = ['module', 'module-typescript', 'json']

export interface SourceParts {
  /** `file:` URL of the named file, without a query. */
  readonly entry: string
  readonly version: number
  /** By URL without a query; what is not here is read from the disk and added. */
  readonly known: Map<string, SourceFile>
}

/**
 * Imports a module so that it finds the proxy's own sdk, and so that the files which belong to it (the named one, and
 * what is imported by path from there) come from `known`, or are read from the disk and added to it.
 */
export async function importSources(parts: SourceParts): Promise<Record<string, unknown>> {
  const hooks = registerHooks(new SourceHooks(parts))
  try {
    return await import(versionedUrl(parts.entry, parts.version))
  } finally {
    hooks.deregister()
  }
}

class SourceHooks implements RegisterHooksOptions {
  readonly #parts: SourceParts
  /** URLs of the files that belong to the module. */
  readonly #own = new Set<string>()
  #bytes = 0

  constructor(parts: SourceParts) {
    this.#parts = parts
  }

  readonly resolve: NonNullable<RegisterHooksOptions['resolve']> = (specifier, context, next) => {
    const { entry, version, known } = this.#parts
    // as if this file asked: one copy of the sdk in a thread, and no installation beside a lone module
    if (SHARED_PACKAGES.includes(specifier)) return next(specifier, { ...context, parentURL: import.meta.url })
    const isOwn =
      specifier === versionedUrl(entry, version) || (this.#own.has(context.parentURL ?? '') && isPath(specifier))
    if (!isOwn) return next(specifier, context)
    const plain = withoutVersions(new URL(specifier, context.parentURL).href)
    // what is known needs no file any more
    const url = versionedUrl(known.has(plain) ? plain : withoutVersions(next(specifier, context).url), version)
    this.#own.add(url)
    return { url, importAttributes: context.importAttributes, shortCircuit: true }
  }

  readonly load: NonNullable<RegisterHooksOptions['load']> = (url, context, next) => {
    if (!this.#own.has(url)) return next(url, context)
    const plain = withoutVersions(url)
    const file = this.#parts.known.get(plain) ?? this.#read(plain, next(url, context))
    if (file === undefined) return next(url, context)
    return { format: file.format, source: file.source, shortCircuit: true }
  }

  /** undefined: what Node does not load as source, such as CommonJS, stays on the disk and is not reloaded. */
  #read(url: string, loaded: LoadFnOutput): SourceFile | undefined {
    const { format, source } = loaded
    if (typeof format !== 'string' || !FORMATS.includes(format)) return undefined
    const text = typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString('utf8')
    this.#bytes += text.length
    if (this.#parts.known.size >= MAX_FILES || this.#bytes > MAX_BYTES) {
      throw new Error(`a module may have ${MAX_FILES} files and ${MAX_BYTES} bytes: pack it into one file`)
    }
    const file: SourceFile = { url, format, source: text }
    this.#parts.known.set(url, file)
    return file
  }
}

function isPath(specifier: string): boolean {
  return /^(?:\.{0,2}\/|file:)/.test(specifier)
}
