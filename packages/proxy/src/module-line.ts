import { type ModuleVersion, unreadVersion } from './modules/module-version.ts'

/** Versions that can be gone back to; with their sources they are what a line keeps. */
const MAX_PREVIOUS = 5

/** A version that was or is in force. */
export interface InForce {
  readonly version: ModuleVersion
  /** Wall clock. */
  readonly sinceMs: number
  /** What it has done that it may not; it is not gone back to. */
  fault: string | undefined
}

export interface Refusal {
  readonly version: ModuleVersion
  readonly faults: readonly string[]
  readonly atMs: number
}

/** The versions of one module, from the first to the one in force. */
export class ModuleLine {
  readonly path: string
  current: InForce
  /** Newest last. */
  readonly previous: InForce[] = []
  /** Of the last attempt to reload, when it failed. */
  refused: Refusal | undefined
  #versions = 1

  constructor(version: ModuleVersion) {
    this.path = version.path
    this.current = { version, sinceMs: Date.now(), fault: undefined }
  }

  get isBuiltIn(): boolean {
    return this.current.version.files.length === 0
  }

  /** What is still to be read from the disk. */
  candidate(id: number): ModuleVersion {
    return unreadVersion(this.path, id, ++this.#versions)
  }

  /** The version with this id, if it is or was in force and is still kept. */
  entry(id: number): InForce | undefined {
    return [this.current, ...this.previous].find(({ version }) => version.id === id)
  }

  /** The same bytes as before are not loaded once more: code that was loaded stays in memory for ever. */
  known(digest: string): ModuleVersion | undefined {
    return this.previous.find(({ version }) => version.digest === digest)?.version
  }

  advance(version: ModuleVersion): void {
    const before = this.current
    const again = this.previous.findIndex((entry) => entry.version === version)
    if (again >= 0) this.previous.splice(again, 1)
    this.previous.push(before)
    if (this.previous.length > MAX_PREVIOUS) this.previous.shift()
    this.current = { version, sinceMs: Date.now(), fault: undefined }
    this.refused = undefined
  }

  /** What to go back to: the newest that has done nothing wrong. */
  get fallback(): InForce | undefined {
    return this.previous.findLast(({ fault }) => fault === undefined)
  }

  /** The version in force is left and forgotten, as are those between. */
  goBack(to: InForce): void {
    this.previous.splice(this.previous.indexOf(to))
    this.current = { version: to.version, sinceMs: Date.now(), fault: undefined }
  }
}
