import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Logger, MetricRegistry } from '@meltemi/runtime'
import { ConfigRefused } from './config/configure.ts'
import type { LiveConfig } from './config/live-config.ts'
import { sameName } from './config/same-name.ts'
import type { CodeFault, DataPlane } from './data-plane.ts'
import { type InForce, ModuleLine } from './module-line.ts'
import {
  type Delivery,
  deliveredVersion,
  isDelivered,
  type ModuleVersion,
  shortDigest,
} from './modules/module-version.ts'
import { ModuleWatcher } from './modules/module-watcher.ts'
import { Probe } from './probe.ts'

/** A version that throws in its first ten minutes is taken back; later its exceptions cost their connections only. */
const TRIAL_MS = 10 * 60 * 1000
/** Counters of each codec. */
const EVENTS = ['reload_success', 'reload_failure', 'rollback', 'hung', 'memory'] as const
type Event = (typeof EVENTS)[number]
/** Digests that are not loaded again; the oldest is forgotten. */
const MAX_CONDEMNED = 64
const MAX_DROPPED = 16

export interface ModuleStoreParts {
  readonly live: LiveConfig
  readonly modules: readonly ModuleVersion[]
  readonly metrics: MetricRegistry
  readonly logger: Logger
}

export interface ReloadResult {
  /** The version in force now. */
  readonly version: ModuleVersion
  readonly outcome: 'reloaded' | 'unchanged' | 'rolled back' | 'refused'
  /** Of a refusal. */
  readonly faults: readonly string[]
}

/**
 * Which version of each module is in force, on the main thread. A change is tried in a thread of its own, then loaded
 * by all workers, then put in force by all of them: or by none.
 *
 *   file changes ─► probe ─► prepare in every worker ─► use in every worker ─► in force
 *                     └─ faulty ──┴─► refused: what was in force stays
 *   in force ─► hangs, takes all memory, or throws while on trial ─► condemned: the version before it is in force
 */
export class ModuleStore {
  readonly #parts: ModuleStoreParts
  #lines: readonly ModuleLine[]
  /** Deliveries that nobody wants any more; newest last. */
  #dropped: readonly ModuleVersion[] = []
  #deliveries = 0
  /** Digest to reason. */
  readonly #condemned = new Map<string, string>()
  readonly #logger: Logger
  readonly #probe = new Probe()
  #dataPlane: DataPlane | undefined
  #watcher: ModuleWatcher | undefined
  #ids: number
  #queue: Promise<unknown> = Promise.resolve()

  constructor(parts: ModuleStoreParts) {
    this.#parts = parts
    this.#logger = parts.logger
    this.#lines = parts.modules.map((version) => new ModuleLine(version))
    this.#ids = Math.max(0, ...parts.modules.map(({ id }) => id))
    for (const line of this.#lines) this.#publish(line)
  }

  get lines(): readonly ModuleLine[] {
    return this.#lines
  }

  /** Nothing can be reloaded before. `watch`: reload what changes on the disk. */
  start(dataPlane: DataPlane, watch: boolean): void {
    this.#dataPlane = dataPlane
    if (!watch) return
    this.#probe.keepSpare()
    this.#watcher = new ModuleWatcher(
      (path) => void this.#onTouched(path),
      (folder, error) => this.#logger.error('folder cannot be watched', { folder, error: String(error) }),
    )
    for (const line of this.#lines) if (!line.isBuiltIn) this.#watch(line, line.current.version)
  }

  close(): void {
    this.#watcher?.close()
    this.#probe.close()
  }

  /** The lines that `name` means: a path, or the name of a codec; without it all that lie on the disk. */
  find(name?: string): readonly ModuleLine[] {
    const lines = this.#lines.filter((line) => !line.isBuiltIn)
    if (name === undefined) return lines.filter((line) => !isDelivered(line))
    return lines.filter(
      ({ path, current }) => path === name || current.version.codecs.some((codec) => codec.name === name),
    )
  }

  /**
   * Loads the module that a control plane hands out for a codec, beside those that are here: listeners name the digest of
   * the one they want. Rejects with ConfigRefused when it is faulty. One that is here already is nothing new.
   */
  deliver(codec: string, delivery: Delivery): Promise<void> {
    return this.#inTurn(() => this.#deliver(codec, delivery))
  }

  /** Forgets what was delivered, but for these digests. */
  keepDelivered(digests: ReadonlySet<string>): Promise<void> {
    return this.#inTurn(() => this.#keepDelivered(digests))
  }

  /** Whether the module with this digest has brought this codec. */
  hasCodec(codec: string, digest: string): boolean {
    return this.#lines.some(({ current: { version } }) => version.digest === digest && brings(version, codec))
  }

  reload(line: ModuleLine): Promise<ReloadResult> {
    if (isDelivered(line)) return Promise.resolve(refusal(line, ['it comes from the control plane']))
    return this.#inTurn(() => this.#reload(line))
  }

  /** The version before the one in force, which may be reloaded later. */
  rollback(line: ModuleLine): Promise<ReloadResult> {
    return this.#inTurn(async () => {
      const { fallback } = line
      if (fallback === undefined) return refusal(line, ['there is no earlier version'])
      await this.#goBack(line, fallback)
      return { version: line.current.version, outcome: 'rolled back', faults: [] }
    })
  }

  /** Told by the data plane as soon as it knows, before what has ended starts again. */
  onFault(fault: CodeFault): void {
    const line = this.#lines.find((each) => each.entry(fault.module) !== undefined)
    const entry = line?.entry(fault.module)
    if (line === undefined || entry === undefined) return
    if (fault.kind !== 'threw') this.#blame(entry, fault)
    const isBearable = fault.kind === 'threw' && Date.now() - entry.sinceMs > TRIAL_MS
    if (isBearable || line.isBuiltIn || entry.fault !== undefined) return
    // the only version there is goes on: without it there would be no service at all
    if (entry === line.current && line.fallback === undefined) return
    this.#condemn(entry, fault)
    if (entry === line.current) void this.#inTurn(() => this.#leave(line, entry))
  }

  async #reload(line: ModuleLine): Promise<ReloadResult> {
    const { live } = this.#parts
    const modules = this.#current().filter(({ path }) => path !== line.path)
    const candidate = line.candidate(++this.#ids)
    const { version, faults } = await this.#probe.run({ ...live.whole(), candidate, modules })
    this.#watch(line, version)
    if (faults.length > 0) return this.#refuse(line, version, faults)
    const { digest } = version
    if (digest === line.current.version.digest) return { version: line.current.version, outcome: 'unchanged', faults }
    const condemned = this.#condemned.get(digest)
    if (condemned !== undefined) return this.#refuse(line, version, [`this version was taken back: ${condemned}`])
    return this.#advance(line, line.known(digest) ?? version)
  }

  async #deliver(codec: string, delivery: Delivery): Promise<void> {
    const { digest } = delivery
    if (this.hasCodec(codec, digest)) return
    const condemned = this.#condemned.get(digest)
    if (condemned !== undefined) throw new ConfigRefused([`this version was taken back: ${condemned}`])
    const version = this.#dropped.find((each) => each.digest === digest) ?? (await this.#tryDelivery(codec, delivery))
    await this.#dataPlane?.load([...this.#current(), version], false)
    const line = new ModuleLine(version)
    this.#lines = [...this.#lines, line]
    this.#publish(line)
    this.#logger.info('module loaded', describe(version))
  }

  async #tryDelivery(codec: string, delivery: Delivery): Promise<ModuleVersion> {
    const candidate = deliveredVersion(codec, ++this.#ids, this.#deliveries + 1, delivery)
    const { live } = this.#parts
    const { version, faults } = await this.#probe.run({ ...live.whole(), candidate, modules: this.#current() })
    if (faults.length > 0) throw new ConfigRefused(faults)
    if (!brings(version, codec)) throw new ConfigRefused([`the module does not bring codec '${codec}'`])
    this.#deliveries += 1
    return version
  }

  async #keepDelivered(digests: ReadonlySet<string>): Promise<void> {
    const isKept = ({ current: { version } }: ModuleLine) => !isDelivered(version) || digests.has(version.digest)
    const dropped = this.#lines.filter((line) => !isKept(line))
    if (dropped.length === 0) return
    const kept = this.#lines.filter(isKept)
    await this.#dataPlane?.load(
      kept.map(({ current }) => current.version),
      false,
    )
    this.#lines = kept
    // code that was loaded stays in memory for ever: it is not loaded twice
    this.#dropped = [...this.#dropped, ...dropped.map(({ current }) => current.version)].slice(-MAX_DROPPED)
  }

  async #advance(line: ModuleLine, version: ModuleVersion): Promise<ReloadResult> {
    try {
      await this.#dataPlane?.load(this.#current(line, version), false)
    } catch (error: unknown) {
      return this.#refuse(line, version, [error instanceof Error ? error.message : String(error)])
    }
    line.advance(version)
    this.#publish(line, 'reload_success')
    this.#logger.info('module reloaded', describe(version))
    return { version, outcome: 'reloaded', faults: [] }
  }

  #refuse(line: ModuleLine, version: ModuleVersion, faults: readonly string[]): ReloadResult {
    line.refused = { version, faults, atMs: Date.now() }
    this.#publish(line, 'reload_failure')
    for (const fault of faults) this.#logger.error('module refused', { ...describe(version), fault })
    return refusal(line, faults)
  }

  async #leave(line: ModuleLine, entry: InForce): Promise<void> {
    const { fallback } = line
    if (line.current !== entry || fallback === undefined) return
    await this.#goBack(line, fallback)
  }

  async #goBack(line: ModuleLine, to: InForce): Promise<void> {
    const from = line.current.version
    line.goBack(to)
    this.#publish(line, 'rollback')
    this.#logger.warn('module rolled back', { ...describe(to.version), from: from.version })
    await this.#dataPlane?.load(this.#current(), true)
  }

  #blame({ version }: InForce, { kind, text }: CodeFault): void {
    this.#logger.error('module at fault', { ...describe(version), kind, text })
    for (const { name } of version.codecs) this.#parts.metrics.counter(`codec.${name}.${kind}`).add(1)
  }

  #condemn(entry: InForce, { kind, text }: CodeFault): void {
    entry.fault = `${kind}: ${text}`
    if (this.#condemned.size >= MAX_CONDEMNED) this.#condemned.delete(this.#condemned.keys().next().value as string)
    this.#condemned.set(entry.version.digest, entry.fault)
    this.#logger.error('module version is not loaded again', { ...describe(entry.version), reason: entry.fault })
  }

  /** All that is in force, with `version` in the place of `line`. */
  #current(line?: ModuleLine, version?: ModuleVersion): readonly ModuleVersion[] {
    return this.#lines.map((each) => (each === line && version !== undefined ? version : each.current.version))
  }

  /** One change at a time, in order. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(change)
    this.#queue = result.catch(() => {})
    return result
  }

  #watch(line: ModuleLine, version: ModuleVersion): void {
    const files = [...line.current.version.files, ...version.files].map(({ url }) => fileURLToPath(url))
    this.#watcher?.watch(line.path, files)
  }

  /** Something happened in a folder; only other bytes than those of the last attempt are news. */
  async #onTouched(path: string): Promise<void> {
    const line = this.#lines.find((each) => each.path === path)
    if (line === undefined || !(await hasChanged(line))) return
    await this.reload(line)
  }

  #publish(line: ModuleLine, event?: Event): void {
    const { codecs, version } = line.current.version
    for (const { name } of codecs) {
      this.#parts.metrics.gauge(`codec.${name}.version`).set(version)
      for (const known of EVENTS) this.#parts.metrics.counter(`codec.${name}.${known}`).add(known === event ? 1 : 0)
    }
  }
}

async function hasChanged({ refused, current }: ModuleLine): Promise<boolean> {
  const { files } = refused?.version ?? current.version
  // of what could not even be read nothing tells whether it is another now
  if (files.length === 0) return true
  const isSame = files.map(async ({ url, source }) => (await readFile(new URL(url), 'utf8')) === source)
  const same = await Promise.all(isSame.map((each) => each.catch(() => false)))
  return same.includes(false) || refused !== undefined
}

function brings({ codecs }: ModuleVersion, codec: string): boolean {
  return codecs.some(({ name }) => sameName(name, codec))
}

function refusal(line: ModuleLine, faults: readonly string[]): ReloadResult {
  return { version: line.current.version, outcome: 'refused', faults }
}

function describe(version: ModuleVersion): Record<string, unknown> {
  const codecs = version.codecs.map(({ name }) => name).join(', ')
  return { module: version.path, version: version.version, digest: shortDigest(version), codecs }
}
