import type { SocketAddress } from '@meltemi/api'
import { CommandError } from './command-error.ts'

const TIMEOUT_MS = 30_000

/** Calls a page of a running proxy and returns its JSON. Throws a CommandError when there is none, or what it refuses. */
export async function callAdmin<T>(address: SocketAddress, path: string, method: 'GET' | 'POST'): Promise<T> {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  const url = `http://${host}:${address.port}${path}`
  const reply = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw new CommandError([`no proxy answers at ${url}: ${reasonOf(error)}`])
  })
  const text = await reply.text()
  if (reply.ok || reply.status === 409) return JSON.parse(text) as T
  throw new CommandError([`${method} ${path}: ${reply.status} ${text}`])
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
