import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isResourceFile } from '@meltemi/api'

export type Listing =
  | { readonly kind: 'files'; readonly paths: readonly string[] }
  /** In a few words why. */
  | { readonly kind: 'unreadable'; readonly fault: string }

/** A folder of resource files, or one such file alone. */
export class ResourceFolder {
  readonly path: string
  /** What holds the files. */
  readonly directory: string
  readonly isFolder: boolean

  private constructor(path: string, isFolder: boolean) {
    this.path = path
    this.isFolder = isFolder
    this.directory = isFolder ? path : dirname(path)
  }

  /** Rejects when there is nothing under the path. */
  static async open(path: string): Promise<ResourceFolder> {
    const stats = await stat(path).catch((cause: unknown) => {
      const { code, message } = cause as NodeJS.ErrnoException
      throw new Error(`${path}: ${code === 'ENOENT' ? 'there is no such file or folder' : message}`, { cause })
    })
    return new ResourceFolder(path, stats.isDirectory())
  }

  /** The path of one of its files by name; undefined when that is none of them. */
  fileNamed(name: string): string | undefined {
    const isMine = this.isFolder ? isResourceFile(name) : name === basename(this.path)
    return isMine ? join(this.directory, name) : undefined
  }

  /** In the order of their names. Never rejects. */
  async list(maxFiles: number): Promise<Listing> {
    try {
      const entries = await readdir(this.directory, { withFileTypes: true })
      const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
      const paths = names.sort().flatMap((name) => this.fileNamed(name) ?? [])
      if (!this.isFolder && paths.length === 0) return { kind: 'unreadable', fault: 'the file is gone' }
      if (paths.length > maxFiles) return { kind: 'unreadable', fault: `has more than ${maxFiles} files` }
      return { kind: 'files', paths }
    } catch (error: unknown) {
      const { code, message } = error as NodeJS.ErrnoException
      const fault =
        code === 'ENOENT' || code === 'ENOTDIR' ? 'the folder is gone' : `cannot be read: ${code ?? message}`
      return { kind: 'unreadable', fault }
    }
  }
}
