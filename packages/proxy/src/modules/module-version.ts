import { createHash } from 'node:crypto'
import { pathToFileURL } from 'node:url'

/** One source file of a module as it was read; `url` is a `file:` URL without a query. */
export interface SourceFile {
  readonly url: string
  readonly format: string
  readonly source: string
}

/**
 * A module with the very bytes that were checked. Threads run these, not what lies on the disk by the time they start:
 * so all of them run the same code, and an older version can be taken back after its file has changed.
 */
export interface ModuleVersion {
  /** Of this version in this process, from 1; what a thread notes while code of it runs. */
  readonly id: number
  /** Absolute path of the file that was named. */
  readonly path: string
  /** 1, 2 … for each path. */
  readonly version: number
  /** SHA-256 over the files, in hex; empty for what comes with the proxy. */
  readonly digest: string
  /** The named file first, then what it imports by path. None: it comes with the proxy and is loaded from the disk. */
  readonly files: readonly SourceFile[]
  readonly codecs: readonly CodecFacts[]
  /** Names. */
  readonly filters: readonly string[]
}

/** A version that is still to be read from the disk. */
export function unreadVersion(path: string, id: number, version: number): ModuleVersion {
  return { id, path, version, digest: '', files: [], codecs: [], filters: [] }
}

const DELIVERED = '/control-plane/'

/** What a control plane hands out for a codec: one file of JavaScript, and its SHA-256 in hex. */
export interface Delivery {
  readonly digest: string
  readonly source: string
}

/** The version that a delivery is, with its only file; the path is a name and nothing on the disk. */
export function deliveredVersion(
  codec: string,
  id: number,
  version: number,
  { digest, source }: Delivery,
): ModuleVersion {
  const path = `${DELIVERED}${encodeURIComponent(codec)}-${digest.slice(0, 12)}.mjs`
  const file = { url: pathToFileURL(path).href, format: 'module', source }
  return { ...unreadVersion(path, id, version), files: [file] }
}

/** It comes from a control plane, for those who name its digest, and may bring codecs that others bring too. */
export function isDelivered({ path }: Pick<ModuleVersion, 'path'>): boolean {
  return path.startsWith(DELIVERED)
}

/** What can be said of a codec to a thread that has not loaded it. */
export interface CodecFacts {
  readonly name: string
  readonly contract: number
  readonly correlation: string
}

/** The first 12 digits, for people. */
export function shortDigest({ digest }: ModuleVersion): string {
  return digest.slice(0, 12)
}

/**
 * Of one file that of its bytes, as other programs count it; of several it depends on their places relative to the first
 * and on their bytes, not on where the folder lies.
 */
export function digestOf(files: readonly SourceFile[]): string {
  const hash = createHash('sha256')
  if (files.length === 1) return hash.update(files[0]?.source ?? '').digest('hex')
  const folder = new URL('.', files[0]?.url ?? 'file:///').href
  for (const { url, source } of files.toSorted((a, b) => (a.url < b.url ? -1 : 1))) {
    const name = url.startsWith(folder) ? url.slice(folder.length) : url
    hash.update(`${name}\0${Buffer.byteLength(source)}\0`).update(source)
  }
  return hash.digest('hex')
}

const VERSION = /\?version=\d+/g

/** Where a thread finds version `version` of this file: versions after the first have a URL of their own. */
export function versionedUrl(url: string, version: number): string {
  return version === 1 ? url : `${url}?version=${version}`
}

/** A stack trace or URL with the paths as the user knows them. */
export function withoutVersions(text: string): string {
  return text.replaceAll(VERSION, '')
}
