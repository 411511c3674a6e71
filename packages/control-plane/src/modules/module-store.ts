import { type ApplicationProtocol, keyOf, MAX_MODULE_BYTES, type ResourceKey } from '@meltemi/api'
import type { Clock, Counter, Logger, MetricRegistry, Timer } from '@meltemi/runtime'
import type { ModuleState, ModuleStates } from '../store/protocol-table.ts'
import type { CodecModule } from '../store/world.ts'
import { fetchModule } from './fetch-module.ts'
import { digestOf, ModuleCache } from './module-cache.ts'

export interface ModuleStoreOptions {
  /** Where modules are kept for the next start; undefined: nowhere. */
  readonly cacheDirectory: string | undefined
  readonly logger: Logger
  readonly metrics: MetricRegistry
  readonly clock: Clock
  /** `states` is different now. */
  readonly onChange: () => void
  /** Of one fetch; default 10,000. */
  readonly timeoutMs?: number
}

/** An ApplicationProtocol in force, and the file it stands in. */
export interface ModuleWish {
  readonly protocol: ApplicationProtocol
  readonly file: string
}

const MAX_FETCHES = 4
const FETCH_TIMEOUT_MS = 10_000
const FIRST_RETRY_MS = 2_000
const LONGEST_RETRY_MS = 300_000
const LINES_PER_SECOND = 5
const PENDING = 'the module is being fetched'

interface Wanted {
  url: string
  digest: string
  file: string
  module: CodecModule | undefined
  problem: string
  isPending: boolean
  failures: number
  retry: Timer | undefined
}

/** Fetches the modules that protocols name and checks their digests. What cannot be had leaves the last good one in force. */
export class ModuleStore {
  readonly #options: ModuleStoreOptions
  readonly #cache: ModuleCache
  readonly #wanted = new Map<ResourceKey, Wanted>()
  readonly #queue = new Set<ResourceKey>()
  readonly #ending = new AbortController()
  readonly #fetches: Counter
  readonly #failures: Counter
  #running = 0
  #states: ModuleStates = new Map()

  constructor(options: ModuleStoreOptions) {
    this.#options = options
    this.#cache = new ModuleCache(options.cacheDirectory)
    this.#fetches = options.metrics.counter('control_plane.module_fetches')
    this.#failures = options.metrics.counter('control_plane.module_fetch_failures')
  }

  /** Replaced with each change. */
  get states(): ModuleStates {
    return this.#states
  }

  get hasPending(): boolean {
    return [...this.#wanted.values()].some(({ isPending }) => isPending)
  }

  /** All that are wanted from now on. */
  want(wishes: readonly ModuleWish[]): void {
    const withModule = wishes.filter(({ protocol }) => protocol.spec.module !== undefined)
    const keys = new Set(withModule.map(({ protocol }) => keyOf(protocol)))
    const gone = [...this.#wanted.keys()].filter((key) => !keys.has(key))
    for (const key of gone) this.#forget(key)
    const isNew = withModule.map((wish) => this.#wish(wish)).includes(true)
    if (isNew || gone.length > 0) this.#publish()
  }

  close(): void {
    this.#ending.abort()
    for (const wanted of this.#wanted.values()) wanted.retry?.cancel()
    this.#queue.clear()
  }

  /** True when something else is wanted than before. */
  #wish({ protocol, file }: ModuleWish): boolean {
    const key = keyOf(protocol)
    const { url = '', sha256 = '' } = protocol.spec.module ?? {}
    const digest = sha256.toLowerCase()
    const known = this.#wanted.get(key)
    if (known?.url === url && known.digest === digest && known.file === file) return false
    known?.retry?.cancel()
    const module = known?.module
    const isHere = module?.digest === digest
    const state = { module, problem: isHere ? '' : PENDING, isPending: !isHere, failures: 0, retry: undefined }
    this.#wanted.set(key, { url, digest, file, ...state })
    if (!isHere) this.#enqueue(key)
    return true
  }

  #forget(key: ResourceKey): void {
    this.#wanted.get(key)?.retry?.cancel()
    this.#wanted.delete(key)
    this.#queue.delete(key)
  }

  #enqueue(key: ResourceKey): void {
    this.#queue.add(key)
    this.#next()
  }

  #next(): void {
    for (const key of this.#queue) {
      if (this.#running >= MAX_FETCHES || this.#ending.signal.aborted) return
      this.#queue.delete(key)
      this.#running++
      void this.#fetch(key).finally(() => {
        this.#running--
        this.#next()
      })
    }
  }

  /** Never rejects. */
  async #fetch(key: ResourceKey): Promise<void> {
    const wanted = this.#wanted.get(key)
    if (wanted === undefined) return
    const result = await this.#tryFetch(wanted).catch((error: unknown) => reasonOf(error))
    // Meanwhile something else may be wanted.
    if (this.#wanted.get(key) !== wanted || this.#ending.signal.aborted) return
    if (typeof result === 'string') this.#fail(key, wanted, result)
    else Object.assign(wanted, { module: result, problem: '', isPending: false, failures: 0 })
    this.#publish()
    this.#options.onChange()
  }

  async #tryFetch(wanted: Wanted): Promise<CodecModule> {
    const { url, digest, file } = wanted
    const cached = await this.#cache.find(digest)
    if (cached !== undefined) return cached
    this.#fetches.add(1)
    const timeoutMs = this.#options.timeoutMs ?? FETCH_TIMEOUT_MS
    const source = await fetchModule(url, { file, maxBytes: MAX_MODULE_BYTES, timeoutMs, signal: this.#ending.signal })
    const found = digestOf(source)
    if (found !== digest) throw new Error(`has the digest ${found}, not the one that is named`)
    const module = { digest, source }
    await this.#cache
      .keep(module)
      .catch((error: unknown) => this.#warn('a module cannot be kept on disk', wanted, error))
    return module
  }

  #fail(key: ResourceKey, wanted: Wanted, reason: string): void {
    this.#failures.add(1)
    const stays = wanted.module === undefined ? 'services of the protocol wait for it' : 'the one before stays in force'
    wanted.problem = `${withoutPassword(wanted.url)}: ${reason}; ${stays}`
    wanted.isPending = false
    this.#warn('a module cannot be had', wanted, reason)
    const delayMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** wanted.failures++)
    wanted.retry = this.#options.clock.setTimer(delayMs, () => this.#enqueue(key))
  }

  #warn(message: string, { url }: Wanted, error: unknown): void {
    this.#options.logger.limited('module', LINES_PER_SECOND)?.warn(message, { url: withoutPassword(url), error })
  }

  #publish(): void {
    const states = [...this.#wanted].map(([key, { module, problem, isPending }]): [ResourceKey, ModuleState] => [
      key,
      { module, problem, isPending },
    ])
    this.#states = new Map(states)
  }
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//')
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // What `fetch` throws only says that it failed; why stands in the cause.
  return error.cause instanceof Error && error.message === 'fetch failed' ? error.cause.message : error.message
}
