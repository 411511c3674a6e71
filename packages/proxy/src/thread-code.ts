import { formatProblem } from '@meltemi/api/model'
import type { CodecDefinition } from '@meltemi/sdk'
import type { ProxyCode } from './config/build-service.ts'
import { proxyFilters } from './filters/proxy-filters.ts'
import { guardCodec, guardFilter, type Running } from './modules/guard.ts'
import type { ModuleVersion } from './modules/module-version.ts'
import { type LoadedModule, loadVersions } from './modules.ts'

/** What one thread has loaded, of every version that it was ever asked for: code that was loaded is never given back. */
export class ThreadCode {
  readonly #running: Running
  readonly #loaded = new Map<number, LoadedModule>()
  readonly #origins = new Map<CodecDefinition, ModuleVersion>()

  constructor(running: Running) {
    this.#running = running
  }

  /** The same versions give the same definitions again. Throws with all that is wrong. */
  async load(versions: readonly ModuleVersion[]): Promise<ProxyCode> {
    const missing = versions.filter(({ id }) => !this.#loaded.has(id))
    const { modules, problems } = await loadVersions(missing)
    if (problems.length > 0) throw new Error(problems.map(formatProblem).join('; '))
    for (const loaded of modules) this.#loaded.set(loaded.version.id, this.#guard(loaded))
    const wanted = versions.flatMap(({ id }) => this.#loaded.get(id) ?? [])
    return {
      codecs: wanted.flatMap((loaded) => loaded.codecs),
      filters: wanted.flatMap((loaded) => loaded.filters),
      isFrom: (codec, digest) => this.#origins.get(codec)?.digest === digest,
    }
  }

  /** Which version a codec is from. */
  originOf(codec: CodecDefinition): ModuleVersion | undefined {
    return this.#origins.get(codec)
  }

  #guard({ version, codecs, filters }: LoadedModule): LoadedModule {
    const guarded = codecs.map((codec) => guardCodec(codec, version.id, this.#running))
    for (const codec of guarded) this.#origins.set(codec, version)
    return {
      version,
      codecs: guarded,
      filters: filters.map((filter) =>
        proxyFilters.includes(filter) ? filter : guardFilter(filter, version.id, this.#running),
      ),
    }
  }
}
