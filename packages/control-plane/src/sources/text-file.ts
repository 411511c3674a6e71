import type { Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'

/** What tells one content of a file from another, without a look at it. */
export interface FileSignature {
  readonly inode: number
  readonly size: number
  readonly modifiedAtMs: number
  readonly changedAtMs: number
}

export type TextFile =
  | { readonly kind: 'text'; readonly text: string; readonly signature: FileSignature }
  /** It is as it was. */
  | { readonly kind: 'same' }
  | { readonly kind: 'missing' }
  /** In a few words why it cannot be had. */
  | { readonly kind: 'unreadable'; readonly fault: string; readonly signature: FileSignature | undefined }

/** Reads a file unless it still has the signature that it had. Never rejects. */
export async function readTextFile(
  path: string,
  maxBytes: number,
  known: FileSignature | undefined,
): Promise<TextFile> {
  let handle: FileHandle | undefined
  try {
    if (known !== undefined && isSame(known, signatureOf(await stat(path)))) return { kind: 'same' }
    handle = await open(path, 'r')
    return await readHandle(handle, maxBytes)
  } catch (error: unknown) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' }
    return { kind: 'unreadable', fault: `cannot be read: ${code ?? message}`, signature: undefined }
  } finally {
    await handle?.close().catch(() => {}) // it was only read
  }
}

async function readHandle(handle: FileHandle, maxBytes: number): Promise<TextFile> {
  const stats = await handle.stat()
  const signature = signatureOf(stats)
  if (!stats.isFile()) return { kind: 'unreadable', fault: 'is no file', signature }
  const tooLarge = { kind: 'unreadable', fault: `has more than ${maxBytes} bytes`, signature } as const
  if (stats.size > maxBytes) return tooLarge
  // It may grow while it is read.
  const buffer = Buffer.allocUnsafe(stats.size + 1)
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead))
    return { kind: 'text', text, signature }
  } catch {
    return { kind: 'unreadable', fault: 'is not UTF-8 text', signature }
  }
}

function signatureOf({ ino, size, mtimeMs, ctimeMs }: Stats): FileSignature {
  return { inode: ino, size, modifiedAtMs: mtimeMs, changedAtMs: ctimeMs }
}

function isSame(a: FileSignature, b: FileSignature): boolean {
  return (
    a.inode === b.inode && a.size === b.size && a.modifiedAtMs === b.modifiedAtMs && a.changedAtMs === b.changedAtMs
  )
}
