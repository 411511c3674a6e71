/** Calls the HTTP API of a control plane, and says in kubectl's words what it refuses. */

import type { SocketAddress } from '@meltemi/api'
import { CommandError } from '../command-error.ts'
import { readLines } from './read-lines.ts'
import { isStatusObject, ServerError } from './server-error.ts'

const TIMEOUT_MS = 30_000
const TABLE_TYPE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

export interface ApiClientOptions {
  readonly address: SocketAddress
  /** Looked up when a change needs it; throws a CommandError when there is none. */
  readonly token: () => string
  /** Of what is done all the same. */
  readonly onWarning?: (text: string) => void
}

export interface ApiCall {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly body?: unknown
  /** Asks for rows and cells instead of objects. */
  readonly asTable?: boolean
  readonly signal?: AbortSignal
}

export class ApiClient {
  readonly #base: string
  readonly #token: () => string
  readonly #onWarning: (text: string) => void

  constructor({ address, token, onWarning = () => {} }: ApiClientOptions) {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host
    this.#base = `http://${host}:${address.port}`
    this.#token = token
    this.#onWarning = onWarning
  }

  /** The JSON of the reply. Throws a ServerError for what is refused, a CommandError when nobody answers. */
  async call<T>(path: string, call: ApiCall = {}): Promise<T> {
    const reply = await this.#fetch(path, { ...call, signal: AbortSignal.timeout(TIMEOUT_MS) })
    return (await this.#json(reply)) as T
  }

  /** Each line of a reply that goes on, until the server or `signal` ends it. */
  async *lines<T>(path: string, call: ApiCall & { readonly signal: AbortSignal }): AsyncGenerator<T> {
    const reply = await this.#fetch(path, call)
    if (!reply.ok || reply.body === null) throw toServerError(reply.status, await this.#json(reply))
    try {
      for await (const line of readLines(reply.body)) yield JSON.parse(line) as T
    } catch (error: unknown) {
      if (call.signal.aborted) return
      throw new CommandError([`the control plane at ${this.#base} broke off: ${reasonOf(error)}`])
    }
  }

  async #fetch(path: string, { method = 'GET', body, asTable, signal }: ApiCall): Promise<Response> {
    const headers: Record<string, string> = { accept: asTable ? TABLE_TYPE : 'application/json' }
    if (method !== 'GET') headers['authorization'] = `Bearer ${this.#token()}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    const init = { method, headers, redirect: 'error' as const, ...(signal === undefined ? {} : { signal }) }
    const sent = body === undefined ? init : { ...init, body: JSON.stringify(body) }
    const reply = await fetch(`${this.#base}${path}`, sent).catch((error: unknown) => {
      throw new CommandError([`no control plane answers at ${this.#base}: ${reasonOf(error)}`])
    })
    for (const text of readWarnings(reply.headers.get('warning') ?? '')) this.#onWarning(text)
    return reply
  }

  async #json(reply: Response): Promise<unknown> {
    const value: unknown = await reply.json().catch((error: unknown) => {
      throw new CommandError([`${this.#base} is no control plane of Meltemi: ${reply.status}, ${reasonOf(error)}`])
    })
    if (reply.ok) return value
    throw toServerError(reply.status, value)
  }
}

/** `299 - "text", 299 - "text"`. */
function readWarnings(header: string): readonly string[] {
  return [...header.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1'))
}

function toServerError(code: number, value: unknown): Error {
  return isStatusObject(value) ? new ServerError(value) : new CommandError([`the control plane answered with ${code}`])
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
