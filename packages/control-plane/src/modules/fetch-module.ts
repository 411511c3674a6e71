import { readFile, stat } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

export interface FetchModuleOptions {
  /** The file that the URL stands in, which `file:` URLs may be relative to; empty: none. */
  readonly file: string
  readonly maxBytes: number
  /** Of all of it. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const MAX_REDIRECTS = 5

/** The bytes under a `file:`, `http:` or `https:` URL. Rejects, with the reason in a few words, when they cannot be had. */
export async function fetchModule(url: string, options: FetchModuleOptions): Promise<Uint8Array> {
  const resolved = resolve(url, options.file)
  if (resolved.protocol === 'file:') return readModule(fileURLToPath(resolved), options.maxBytes)
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)])
  try {
    return await download(resolved, options.maxBytes, signal)
  } catch (error: unknown) {
    if (options.signal.aborted || !signal.aborted) throw error
    throw new Error(`no answer that ended within ${options.timeoutMs} ms`, { cause: error })
  }
}

function resolve(url: string, file: string): URL {
  const base = file === '' ? undefined : pathToFileURL(file)
  const resolved = url.startsWith('file:') ? new URL(url, base) : new URL(url)
  if (resolved.username !== '' || resolved.password !== '') throw new Error('URLs with a password are not supported')
  if (!['file:', 'http:', 'https:'].includes(resolved.protocol))
    throw new Error(`${resolved.protocol} is not supported`)
  return resolved
}

async function readModule(path: string, maxBytes: number): Promise<Uint8Array> {
  const { size } = await stat(path)
  if (size > maxBytes) throw tooLarge(maxBytes)
  return readFile(path)
}

async function download(first: URL, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  let url = first
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const response = await fetch(url, { redirect: 'manual', signal })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) return readBody(response, maxBytes)
    await response.body?.cancel()
    url = nextUrl(location, url)
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects`)
}

/** Never to a file of this machine, and never from a safe connection to one that is not. */
function nextUrl(location: string, from: URL): URL {
  const url = new URL(location, from)
  const isAllowed = url.protocol === 'https:' || (url.protocol === 'http:' && from.protocol === 'http:')
  if (!isAllowed) throw new Error(`is redirected from ${from.protocol} to ${url.protocol}`)
  return url
}

async function readBody({ ok, status, body }: Response, maxBytes: number): Promise<Uint8Array> {
  if (!ok || body === null) {
    await body?.cancel()
    throw new Error(`HTTP status ${status}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLarge(maxBytes: number): Error {
  return new Error(`has more than ${maxBytes} bytes`)
}
