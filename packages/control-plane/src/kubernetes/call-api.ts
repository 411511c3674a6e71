import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request as requestOverTls } from 'node:https'
import { json, text } from 'node:stream/consumers'
import { http } from '@meltemi/runtime'
import type { Cluster } from './connect-cluster.ts'

export interface ApiCall {
  /** Default: GET. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: unknown
  /** Of the body; default: JSON. */
  readonly contentType?: string
  /** Of the answer; default: JSON. */
  readonly accept?: string
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

/** What the API server says instead of an answer. */
export class ApiError extends Error {
  readonly statusCode: number

  constructor(statusCode: number, path: string, message: string) {
    super(`${path}: ${message === '' ? `the API server answers ${statusCode}` : message}`)
    this.statusCode = statusCode
  }
}

/** Nothing came for as long as the call said. */
export class SilenceError extends Error {
  constructor(path: string) {
    super(`${path.replace(/\?.*/, '')}: nothing comes`)
  }
}

/** Server-side apply, whose bodies may be JSON as well. */
export const APPLY = 'application/apply-patch+yaml'
export const MERGE_PATCH = 'application/merge-patch+json'
const JSON_TYPE = 'application/json'
const TIMEOUT_MS = 60_000

/** Rejects with an ApiError, or with what is wrong with the connection. */
export async function callApi<T>(cluster: Cluster, path: string, call: ApiCall): Promise<T> {
  return (await json(await openCall(cluster, path, call))) as T
}

/**
 * Resolves with the answer as soon as it begins; rejects as `callApi` does. An answer in which nothing comes for `timeoutMs`
 * (60 s) is ended with an error.
 */
export async function openCall(
  { config }: Cluster,
  path: string,
  { method = 'GET', body, contentType = JSON_TYPE, accept = JSON_TYPE, signal, timeoutMs = TIMEOUT_MS }: ApiCall,
): Promise<IncomingMessage> {
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error('the kubeconfig has no current cluster')
  const headers = { accept, ...(body === undefined ? {} : { 'content-type': contentType }) }
  const options: RequestOptions = { method, headers, signal, timeout: timeoutMs }
  await config.applyToHTTPSOptions(options)
  const url = new URL(cluster.server + path)
  // as `kubectl proxy` serves it
  const request = (url.protocol === 'http:' ? http.request : requestOverTls)(url, options)
  request.once('timeout', () => request.destroy(new SilenceError(path)))
  request.end(body === undefined ? undefined : JSON.stringify(body))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  // what comes later, the response tells
  request.on('error', () => {})
  const { statusCode = 0 } = response
  if (statusCode >= 200 && statusCode < 300) return response
  throw new ApiError(statusCode, path.replace(/\?.*/, ''), messageOf(await text(response)))
}

/** A `Status`, unless somebody between here and there has answered. */
function messageOf(words: string): string {
  try {
    const { message } = JSON.parse(words) as { readonly message?: unknown }
    return typeof message === 'string' ? message : ''
  } catch {
    return ''
  }
}
