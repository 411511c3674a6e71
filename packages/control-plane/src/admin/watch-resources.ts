import { JSON_CONTENT_TYPE, type StreamReply } from './api-request.ts'
import type { Backend, StoredResource } from './backend.ts'
import type { EventLog, LoggedEvent } from './event-log.ts'
import type { ResourceSelection } from './resource-selection.ts'
import { badRequest, expired } from './status-error.ts'

const MAX_WATCH_S = 60 * 60

export interface WatchParts {
  readonly backend: Backend
  readonly log: EventLog
  readonly selection: ResourceSelection
  readonly query: URLSearchParams
  /** How one resource is shown in `object`. */
  readonly show: (stored: StoredResource) => unknown
}

type WatchType = LoggedEvent['type']

/**
 * A line of JSON for each change. Without `resourceVersion` it begins with all that is there, as `ADDED`; with that of
 * a list it goes on from there, or ends with an `ERROR` of reason `Expired` when that is too long ago.
 */
export function watchResources(parts: WatchParts): StreamReply {
  const from = parseRevision(parts.query.get('resourceVersion') ?? '')
  const timeoutMs = 1000 * parseSeconds(parts.query.get('timeoutSeconds') ?? '')
  return {
    kind: 'stream',
    contentType: JSON_CONTENT_TYPE,
    chunks: (signal) => untilTimeout(timeoutMs, signal, (ending) => writeEvents(parts, from, ending)),
  }
}

/** Whatever ends it, nothing of it stays behind. */
async function* untilTimeout(
  timeoutMs: number,
  signal: AbortSignal,
  write: (ending: AbortSignal) => AsyncIterable<string>,
): AsyncGenerator<string> {
  const ending = new AbortController()
  const end = (): void => ending.abort()
  const timer = setTimeout(end, timeoutMs)
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  try {
    yield* write(ending.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

async function* writeEvents(parts: WatchParts, from: number, signal: AbortSignal): AsyncIterable<string> {
  const { backend, log, selection, show } = parts
  let revision = from
  if (from === 0) {
    revision = log.revision
    for (const stored of selection.list(backend)) yield line('ADDED', show(stored))
  }
  while (!signal.aborted) {
    const event = log.next(revision)
    if (event === 'gone') {
      yield line('ERROR', expired(`too old resource version: ${revision} (${log.revision})`).status)
      return
    }
    if (event === undefined) {
      await log.changed(signal)
      continue
    }
    revision = event.revision
    const type = typeFor(event, selection)
    if (type !== undefined) yield line(type, show(event.stored))
  }
}

/** A resource that begins to fit the selection has come for this watcher, and one that no longer fits has gone. */
function typeFor(event: LoggedEvent, selection: ResourceSelection): WatchType | undefined {
  const didFit = event.previous !== undefined && selection.includes(event.previous)
  const fits = event.type !== 'DELETED' && selection.includes(event.stored)
  if (fits) return didFit ? 'MODIFIED' : 'ADDED'
  return didFit ? 'DELETED' : undefined
}

function line(type: WatchType | 'ERROR', object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`
}

/** 0: from what is there now. */
function parseRevision(text: string): number {
  if (/^\d{0,15}$/.test(text)) return Number(text)
  throw badRequest('resourceVersion: expected that of a list, a whole number')
}

function parseSeconds(text: string): number {
  if (text === '') return MAX_WATCH_S
  if (/^[1-9]\d{0,9}$/.test(text)) return Math.min(Number(text), MAX_WATCH_S)
  throw badRequest('timeoutSeconds: expected a whole number from 1')
}
