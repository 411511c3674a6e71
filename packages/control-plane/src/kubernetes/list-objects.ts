import type { ApiObject } from './api-object.ts'
import { callApi } from './call-api.ts'
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

/** How much of objects is asked for. */
export interface ObjectsCall {
  readonly signal: AbortSignal
  /** Their `metadata` alone: other parts may be large, and nobody's business. */
  readonly accept?: string
  /** More for a list: which objects. */
  readonly query?: Readonly<Record<string, string>>
}

const PAGE = 500
/** Of one kind. */
const MAX_OBJECTS = 200_000

/** All objects under a path, page by page. Rejects with an ApiError, or with what is wrong with the connection. */
export async function listObjects(cluster: Cluster, path: string, call: ObjectsCall): Promise<ObjectList> {
  const items: ApiObject[] = []
  let next = ''
  for (;;) {
    const more = next === '' ? {} : { continue: next }
    const query = new URLSearchParams({ ...call.query, limit: String(PAGE), ...more })
    const page = await callApi<Page>(cluster, `${path}?${query}`, call)
    items.push(...(page.items ?? []))
    if (items.length > MAX_OBJECTS) throw new Error(`${path}: there are more than ${MAX_OBJECTS} objects`)
    next = page.metadata.continue ?? ''
    if (next === '') return { items, resourceVersion: page.metadata.resourceVersion }
  }
}
