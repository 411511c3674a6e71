import type { FilesLimits } from './files-limits.ts'

interface Share {
  readonly resources: number
  readonly bytes: number
}

/** What all files together may have. */
export class FileBudget {
  readonly #limits: FilesLimits
  readonly #shares = new Map<string, Share>()
  #resources = 0
  #bytes = 0

  constructor(limits: FilesLimits) {
    this.#limits = limits
  }

  /** Gives a file its share instead of the one that it had; returns why not, and leaves it that, when it is too much. */
  take(path: string, share: Share): string | undefined {
    const before = this.#shares.get(path) ?? { resources: 0, bytes: 0 }
    const { maxResources, maxTotalBytes } = this.#limits
    const resources = this.#resources + share.resources - before.resources
    const bytes = this.#bytes + share.bytes - before.bytes
    if (resources > maxResources) return `with it there would be more than ${maxResources} resources`
    if (bytes > maxTotalBytes) return `with it there would be more than ${maxTotalBytes} bytes`
    this.#shares.set(path, share)
    this.#resources = resources
    this.#bytes = bytes
    return undefined
  }

  release(path: string): void {
    this.take(path, { resources: 0, bytes: 0 })
    this.#shares.delete(path)
  }
}
