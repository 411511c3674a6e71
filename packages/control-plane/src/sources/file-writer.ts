import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { keyOf, kindOf, type Problem, type Resource, type ResourceKey } from '@meltemi/api'
import { deleteDocument, putDocument, UnreadableTextError } from './document-text.ts'
import { removeDurably, writeAtomically } from './write-atomically.ts'

export interface FileWriterOptions {
  /** The folder, or the one file, that resources are kept in. */
  readonly path: string
  /** The file that a resource stands in now. */
  readonly fileOf: (key: ResourceKey) => string | undefined
}

export type FileWriteOutcome =
  | { readonly kind: 'done'; readonly file: string }
  /** The file has mistakes, so nothing in it can be changed. */
  | { readonly kind: 'invalid'; readonly problem: Problem }
  /** In a few words why. Nothing has changed. */
  | { readonly kind: 'unwritable'; readonly reason: string }

class FileInUseError extends Error {}

/** Puts resources into files and takes them out, one document at a time; the rest of each file stays to the letter. */
export class FileWriter {
  readonly #options: FileWriterOptions

  constructor(options: FileWriterOptions) {
    this.#options = options
  }

  /** Where it stands already, or in a file of its own. Never rejects. */
  put(resource: Resource): Promise<FileWriteOutcome> {
    return this.#change(keyOf(resource), resource, (text) => putDocument(text, resource))
  }

  /** Done, too, when it does not stand anywhere. Never rejects. */
  delete(resource: Resource): Promise<FileWriteOutcome> {
    const key = keyOf(resource)
    return this.#change(key, resource, (text) => deleteDocument(text, key))
  }

  async #change(
    key: ResourceKey,
    resource: Resource,
    change: (text: string) => string | undefined,
  ): Promise<FileWriteOutcome> {
    const file = this.#options.fileOf(key) ?? (await newFile(this.#options.path, resource))
    try {
      const before = await contentOf(file)
      const text = change(before.text)
      if (text === undefined) await removeDurably(file)
      else await writeAtomically(file, text, () => refuseChanged(file, before))
      return { kind: 'done', file }
    } catch (error: unknown) {
      return outcomeOf(error, file)
    }
  }
}

interface Content {
  readonly text: string
  readonly changedAtMs: number
}

/** Empty when there is none. */
async function contentOf(file: string): Promise<Content> {
  try {
    const { ctimeMs } = await stat(file)
    return { text: await readFile(file, 'utf8'), changedAtMs: ctimeMs }
  } catch (error: unknown) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { text: '', changedAtMs: 0 }
    throw error
  }
}

/** Somebody else may have written meanwhile: that must not be lost. */
async function refuseChanged(file: string, { changedAtMs }: Content): Promise<void> {
  const now = await stat(file).then(
    ({ ctimeMs }) => ctimeMs,
    () => 0,
  )
  if (now !== changedAtMs) throw new FileInUseError('it has just been changed by somebody else')
}

/** `metarouters.default.hello.yaml`; names of resources have nothing in them that means something in a path. */
async function newFile(path: string, resource: Resource): Promise<string> {
  const isFolder = await stat(path).then(
    (stats) => stats.isDirectory(),
    () => true,
  )
  if (!isFolder) return path
  const { name, namespace } = resource.metadata
  const parts = [kindOf(resource.kind).plural, namespace, name, 'yaml'].filter((part) => part !== '')
  return join(path, parts.join('.').replaceAll(/[/\\]/g, '_'))
}

function outcomeOf(error: unknown, file: string): FileWriteOutcome {
  if (error instanceof UnreadableTextError) {
    const message = `has mistakes, so nothing in it can be changed: ${error.message}`
    const problem: Problem = { severity: 'error', file, line: 0, column: 0, path: '', message, code: 'unreadable' }
    return { kind: 'invalid', problem }
  }
  const { code, message } = error as NodeJS.ErrnoException
  return { kind: 'unwritable', reason: `${file}: ${code === 'ENOSPC' ? 'no space is left on the disk' : message}` }
}
