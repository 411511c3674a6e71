import { createInterface } from 'node:readline'
import type { ApiObject } from './api-object.ts'
import { openCall, SilenceError } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'
import type { ObjectsCall } from './list-objects.ts'

/** `BOOKMARK`: only its version means something; `ERROR`: a `Status`. */
export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
export type OnWatchEvent = (type: WatchEventType, object: ApiObject) => void

/** The server ends a watch after so many seconds, */
const WATCH_SECONDS = 300
/** and in it says something every minute, else nobody is there any more. */
const SILENCE_MS = 90_000

/** Resolves when it ends, as every watch does; rejects as `callApi` does. A line that was cut is not told. */
export async function watchObjects(
  cluster: Cluster,
  path: string,
  resourceVersion: string,
  onEvent: OnWatchEvent,
  call: ObjectsCall,
): Promise<void> {
  const query = new URLSearchParams({ watch: 'true', resourceVersion, allowWatchBookmarks: 'true' })
  query.set('timeoutSeconds', String(WATCH_SECONDS))
  const response = await openCall(cluster, `${path}?${query}`, { ...call, timeoutMs: SILENCE_MS })
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      const event = JSON.parse(line) as { readonly type: WatchEventType; readonly object: ApiObject }
      onEvent(event.type, event.object)
    }
  } catch (error: unknown) {
    if (!(error instanceof SilenceError)) throw error
  } finally {
    response.destroy()
  }
}
