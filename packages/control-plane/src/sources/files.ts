import { basename } from 'node:path'
import type { Problem, ResourceKey } from '@meltemi/api'
import { type Clock, type Logger, systemClock, type Timer } from '@meltemi/runtime'
import { DirectoryWatcher } from './directory-watcher.ts'
import { FileBudget } from './file-budget.ts'
import { DEFAULT_FILES_LIMITS, type FilesLimits } from './files-limits.ts'
import { ResourceClaims } from './resource-claims.ts'
import { ResourceFile } from './resource-file.ts'
import { ResourceFolder } from './resource-folder.ts'
import type { Source, SourceSink } from './source.ts'

export interface FilesSourceOptions {
  /** A folder, of which all files that end in .yaml, .yml or .json count, or one file. */
  readonly path: string
  readonly logger: Logger
  /** How often is looked for what no event told; default 10,000. */
  readonly pollMs?: number
  readonly limits?: Partial<FilesLimits>
  readonly clock?: Clock
}

const POLL_MS = 10_000
/** Events of one change come close together. */
const EVENTS_MS = 5
/** Until a file that is being written is looked at again. */
const WAITING_MS = 100
/** Until a folder that is not there is looked for again. */
const MISSING_MS = 1_000
/** Files that are read before others of the process have their turn. */
const FILES_PER_TURN = 16

/**
 * Resources in the files of a folder, or in one file, followed as they change. Folders in it are not entered, and files
 * whose names begin with a dot are not read. A file that cannot be read keeps its last good resources, and so does
 * everything while the folder is not there.
 */
export class FilesSource implements Source {
  readonly name: string
  readonly #options: FilesSourceOptions
  readonly #limits: FilesLimits
  readonly #clock: Clock
  readonly #files = new Map<string, ResourceFile>()
  readonly #claims = new ResourceClaims()
  readonly #budget: FileBudget
  /** Files that would be too much, by path. */
  readonly #refused = new Map<string, Problem>()
  #folder: ResourceFolder | undefined
  #folderFault = ''
  #sink: SourceSink | undefined
  #watcher: DirectoryWatcher | undefined
  /** Paths to look at; `all`: also those that are not known yet. */
  #wanted: Set<string> | 'all' = new Set()
  #looking: Promise<void> | undefined
  #hasUntoldProblems = false
  #lookTimer: Timer | undefined
  #lookDueMs = 0
  #pollTimer: Timer | undefined

  constructor(options: FilesSourceOptions) {
    this.name = options.path
    this.#options = options
    this.#limits = { ...DEFAULT_FILES_LIMITS, ...options.limits }
    this.#budget = new FileBudget(this.#limits)
    this.#clock = options.clock ?? systemClock
  }

  /** The file that a resource stands in. */
  fileOf(key: ResourceKey): string | undefined {
    return this.#claims.ownerOf(key)
  }

  /** Mistakes that keep what a file says from being read. */
  faultsOf(path: string): readonly Problem[] {
    const problems = [...(this.#files.get(path)?.problems ?? []), this.#refused.get(path) ?? []].flat()
    return problems.filter(({ severity, code }) => severity === 'error' && code !== 'duplicate-resource')
  }

  /** Rejects when there is nothing under the path to begin with. */
  async run(sink: SourceSink, signal: AbortSignal): Promise<void> {
    this.#folder = await ResourceFolder.open(this.#options.path)
    this.#sink = sink
    const watcher = new DirectoryWatcher(this.#folder.directory, this.#options.logger, (name) => this.#onEvent(name))
    this.#watcher = watcher
    try {
      await watcher.renew()
      this.#want('all')
      await this.#look()
      sink.synced()
      this.#schedulePoll()
      await aborted(signal)
    } finally {
      this.#sink = undefined
      this.#lookTimer?.cancel()
      this.#pollTimer?.cancel()
      watcher.close()
    }
  }

  /** Looks at a file now; resolves when what it says has been told. */
  async refresh(path: string): Promise<void> {
    this.#want(path)
    await this.#look()
    while (this.#isPending(path) && this.#sink !== undefined) {
      await new Promise<void>((resolve) => void this.#clock.setTimer(WAITING_MS, resolve))
      await this.#look()
    }
  }

  /** Kubernetes mounts a folder whose files change with a link `..data`; a folder that goes tells its own name. */
  #onEvent(name: string | undefined): void {
    const path = name === undefined ? undefined : this.#folder?.fileNamed(name)
    const isItself = name !== undefined && name === basename(this.#folder?.directory ?? '')
    if (isItself) this.#watcher?.forget()
    if (path === undefined && !isItself && name?.startsWith('..') === false) return
    this.#want(path ?? 'all')
    this.#lookIn(EVENTS_MS)
  }

  #want(path: string): void {
    if (path === 'all') this.#wanted = 'all'
    else if (this.#wanted !== 'all') this.#wanted.add(path)
  }

  /** To be looked at, or perhaps being looked at: an event can have begun the next look. */
  #isPending(path: string): boolean {
    return this.#looking !== undefined || this.#wanted === 'all' || this.#wanted.has(path)
  }

  /** Or sooner, where that was asked for before. */
  #lookIn(delayMs: number): void {
    const dueMs = this.#clock.now() + delayMs
    if (this.#sink === undefined || (this.#lookTimer !== undefined && this.#lookDueMs <= dueMs)) return
    this.#lookTimer?.cancel()
    this.#lookDueMs = dueMs
    this.#lookTimer = this.#clock.setTimer(delayMs, () => {
      this.#lookTimer = undefined
      void this.#lookAgain()
    })
  }

  #schedulePoll(): void {
    if (this.#sink === undefined) return
    this.#pollTimer?.cancel()
    const delayMs = this.#folderFault === '' ? (this.#options.pollMs ?? POLL_MS) : MISSING_MS
    this.#pollTimer = this.#clock.setTimer(delayMs, () => void this.#lookEverywhere())
  }

  async #lookEverywhere(): Promise<void> {
    this.#want('all')
    await this.#lookAgain()
    this.#schedulePoll()
  }

  /** What changes between the watch and the look is seen by one of them. */
  async #lookAgain(): Promise<void> {
    if (this.#wanted === 'all') await this.#watcher?.renew()
    await this.#look()
  }

  /** One look at a time; resolves when everything that was wanted by now has been looked at. Never rejects. */
  async #look(): Promise<void> {
    while (this.#looking !== undefined) await this.#looking
    if (this.#wanted !== 'all' && this.#wanted.size === 0) return
    this.#looking = this.#lookAtWanted()
    await this.#looking
    this.#looking = undefined
  }

  async #lookAtWanted(): Promise<void> {
    const wanted = this.#wanted
    this.#wanted = new Set()
    try {
      const paths = wanted === 'all' ? await this.#list() : [...wanted]
      for (const [index, path] of paths.entries()) {
        if (index % FILES_PER_TURN === FILES_PER_TURN - 1) await nextTurn(this.#clock)
        await this.#lookAt(path)
      }
      this.#tell()
    } catch (error: unknown) {
      this.#options.logger.error('files cannot be looked at, what was read stays', { error })
    }
  }

  /** All files, those that may be gone among them; none while there is no folder. */
  async #list(): Promise<readonly string[]> {
    const listing = await this.#listFolder()
    return listing === undefined ? [] : [...new Set([...listing, ...this.#files.keys()])]
  }

  async #listFolder(): Promise<readonly string[] | undefined> {
    const listing = await this.#folder?.list(this.#limits.maxFiles)
    const fault = listing?.kind === 'unreadable' ? `${listing.fault}, so all stays as it was` : ''
    if (fault !== '') this.#watcher?.forget()
    if (fault !== this.#folderFault) {
      this.#folderFault = fault
      this.#hasUntoldProblems = true
      this.#schedulePoll()
    }
    return listing?.kind === 'files' ? listing.paths : undefined
  }

  async #lookAt(path: string): Promise<void> {
    const file = this.#files.get(path) ?? new ResourceFile(path, this.#limits.maxFileBytes)
    this.#files.set(path, file)
    const change = await file.look(this.#clock.wallTime())
    if (change === 'changed') this.#takeOver(file)
    if (change === 'gone') await this.#forget(path)
    if (change !== 'waiting') return
    this.#want(path)
    this.#lookIn(WAITING_MS)
  }

  /** A folder that goes takes its files away one after the other: only while it is there are they really gone. */
  async #forget(path: string): Promise<void> {
    if ((await this.#listFolder()) === undefined) return
    this.#files.delete(path)
    this.#refused.delete(path)
    this.#budget.release(path)
    this.#claims.replace(path, new Map())
    this.#hasUntoldProblems = true
  }

  #takeOver(file: ResourceFile): void {
    const { path, resources, bytes } = file
    const fault = this.#budget.take(path, { resources: resources.size, bytes })
    if (fault === undefined) {
      this.#refused.delete(path)
      this.#claims.replace(path, resources)
    } else this.#refused.set(path, problemOf(path, fault))
    this.#hasUntoldProblems = true
  }

  /** While a file is on its way, what stands in two of them may be one that has another name now. */
  #tell(): void {
    const { set, deleted } = this.#claims.take()
    if (set.size > 0 || deleted.length > 0) this.#sink?.change(set, deleted)
    const isWaiting = this.#wanted === 'all' || this.#wanted.size > 0
    if (isWaiting || !this.#hasUntoldProblems) return
    this.#hasUntoldProblems = false
    this.#sink?.problems([
      ...(this.#folderFault === '' ? [] : [problemOf(this.#options.path, this.#folderFault)]),
      ...this.#refused.values(),
      ...[...this.#files.values()].flatMap(({ problems }) => problems),
      ...this.#claims.problems(),
    ])
  }
}

function problemOf(file: string, message: string): Problem {
  return { severity: 'error', file, line: 0, column: 0, path: '', message, code: 'unreadable' }
}

function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.setImmediate(resolve))
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
