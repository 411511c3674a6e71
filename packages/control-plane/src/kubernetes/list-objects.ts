import { get, type RequestOptions } from 'node:https'
import { json } from 'node:stream/consumers'
import type { ApiObject } from './api-object.ts'
import type { Cluster } from './connect-cluster.ts'

export interface ObjectList {
  readonly items: readonly ApiObject[]
  /** Where a watch goes on from. */
  readonly resourceVersion: string
}

interface Page {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items?: readonly ApiObject[]
}

/** What the API server says instead of an answer. */
export class ApiError extends Error {
  readonly statusCode: number

  constructor(statusCode: number, path: string) {
    super(`${path}: the API server answers ${statusCode}`)
    this.statusCode = statusCode
  }
}

const PAGE = 500
/** Of one kind. */
const MAX_OBJECTS = 200_000
const TIMEOUT_MS = 60_000

/** All objects under a path, page by page. Rejects with an ApiError, or with what is wrong with the connection. */
export async function listObjects(cluster: Cluster, path: string, signal: AbortSignal): Promise<ObjectList> {
  const items: ApiObject[] = []
  let next = ''
  for (;;) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(next === '' ? {} : { continue: next }) })
    const page = await getJson<Page>(cluster, `${path}?${query}`, signal)
    items.push(...(page.items ?? []))
    if (items.length > MAX_OBJECTS) throw new Error(`${path}: there are more than ${MAX_OBJECTS} objects`)
    next = page.metadata.continue ?? ''
    if (next === '') return { items, resourceVersion: page.metadata.resourceVersion }
  }
}

async function getJson<T>({ config }: Cluster, path: string, signal: AbortSignal): Promise<T> {
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error('the kubeconfig has no current cluster')
  const options: RequestOptions = { headers: { accept: 'application/json' }, signal, timeout: TIMEOUT_MS, agent: false }
  await config.applyToHTTPSOptions(options)
  return new Promise((resolve, reject) => {
    const request = get(new URL(cluster.server + path), options, (response) => {
      if (response.statusCode === 200) json(response).then((value) => resolve(value as T), reject)
      else {
        response.resume()
        reject(new ApiError(response.statusCode ?? 0, path.replace(/\?.*/, '')))
      }
    })
    request.once('timeout', () => request.destroy(new Error(`${path}: no answer in ${TIMEOUT_MS} ms`)))
    request.once('error', reject)
  })
}
