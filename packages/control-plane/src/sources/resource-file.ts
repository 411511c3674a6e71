import { type PlacedResource, type Problem, parseResources, type ResourceKey } from '@meltemi/api'
import { doubleProblem } from './resource-claims.ts'
import { type FileSignature, readTextFile, type TextFile } from './text-file.ts'

export type FileChange =
  | 'none'
  /** Other resources, or other problems. */
  | 'changed'
  /** It is being written, or is not there: look again soon. */
  | 'waiting'
  | 'gone'

/** A file that looks cut off is probably being written: it is given this long after each piece … */
const WRITING_MS = 1_000
/** … but no longer than this for all of them. */
const MAX_WRITING_MS = 10_000
/** Lines of YAML that are cut off may mean something else; JSON that is cut off means nothing. */
const WHOLE = /[\n}\]]$/
/** Editors take a file away before they put the new one in its place. */
const GONE_MS = 100

/** One file, and the last good resources in it. */
export class ResourceFile {
  readonly path: string
  readonly #maxBytes: number
  #signature: FileSignature | undefined
  #text = ''
  #missingSinceMs: number | undefined
  #writingSinceMs: number | undefined
  #resources: ReadonlyMap<ResourceKey, PlacedResource> = new Map()
  #problems: readonly Problem[] = []

  constructor(path: string, maxBytes: number) {
    this.path = path
    this.#maxBytes = maxBytes
  }

  get resources(): ReadonlyMap<ResourceKey, PlacedResource> {
    return this.#resources
  }

  /** Of the text that they stand in. */
  get bytes(): number {
    return this.#text.length
  }

  get problems(): readonly Problem[] {
    return this.#problems
  }

  /** Looks at the file at this time of day, in milliseconds. Never rejects. */
  async look(nowMs: number): Promise<FileChange> {
    const read = await readTextFile(this.path, this.#maxBytes, this.#signature)
    if (read.kind !== 'missing') this.#missingSinceMs = undefined
    switch (read.kind) {
      case 'same':
        return 'none'
      case 'missing':
        return this.#miss(nowMs)
      case 'unreadable':
        return this.#refuse(read.fault, read.signature)
      case 'text':
        return this.#take(read, nowMs)
      default:
        return read satisfies never
    }
  }

  #miss(nowMs: number): FileChange {
    this.#missingSinceMs ??= nowMs
    return nowMs - this.#missingSinceMs >= GONE_MS ? 'gone' : 'waiting'
  }

  #refuse(message: string, signature: FileSignature | undefined): FileChange {
    const isNews = this.#problems[0]?.message !== message
    this.#signature = signature
    this.#problems = [{ severity: 'error', file: this.path, line: 0, column: 0, path: '', message, code: 'unreadable' }]
    return isNews ? 'changed' : 'none'
  }

  #take({ text, signature }: TextFile & { kind: 'text' }, nowMs: number): FileChange {
    const parsed = parseResources(text, this.path)
    const { first, doubles } = withoutDoubles(parsed.resources)
    const isBeingWritten = this.#isFresh(signature, nowMs) && this.#looksCut(text, first)
    if (isBeingWritten && this.#hasTime(nowMs)) return 'waiting'
    this.#writingSinceMs = undefined
    this.#signature = signature
    this.#problems = [...parsed.problems, ...doubles]
    // The file as a whole is good or it is not; only at first, what can be had of it is better than nothing.
    const isBad = parsed.problems.some(({ severity }) => severity === 'error')
    if (!isBad || this.#text === '') this.#resources = first
    if (!isBad) this.#text = text
    return 'changed'
  }

  /** Written a moment ago, into the file that was there: what is put in its place is whole. */
  #isFresh({ inode, modifiedAtMs }: FileSignature, nowMs: number): boolean {
    return inode === this.#signature?.inode && Math.abs(nowMs - modifiedAtMs) < WRITING_MS
  }

  #looksCut(text: string, resources: ReadonlyMap<ResourceKey, PlacedResource>): boolean {
    if (text.length < this.#text.length || !WHOLE.test(text)) return true
    return [...this.#resources.keys()].some((key) => !resources.has(key))
  }

  #hasTime(nowMs: number): boolean {
    this.#writingSinceMs ??= nowMs
    return nowMs - this.#writingSinceMs < MAX_WRITING_MS
  }
}

function withoutDoubles(resources: readonly PlacedResource[]) {
  const first = new Map<ResourceKey, PlacedResource>()
  const doubles = resources.flatMap((placed) => {
    const owner = first.get(placed.key)
    if (owner === undefined) first.set(placed.key, placed)
    return owner === undefined ? [] : [doubleProblem(placed, owner)]
  })
  return { first, doubles }
}
