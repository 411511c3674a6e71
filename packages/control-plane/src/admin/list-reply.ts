import { type ApiReply, JSON_CONTENT_TYPE, jsonReply } from './api-request.ts'

/** Longer lists are written piece by piece, so that nobody else of the process waits for all of it. */
const MAX_AT_ONCE = 500

/** The fields of `head`, and after them `field`: what `show` makes of each entry. */
export function listReply<T>(
  head: Readonly<Record<string, unknown>>,
  field: string,
  entries: readonly T[],
  show: (entry: T) => unknown,
): ApiReply {
  if (entries.length <= MAX_AT_ONCE) return jsonReply({ ...head, [field]: entries.map(show) })
  return { kind: 'stream', contentType: JSON_CONTENT_TYPE, chunks: () => pieces(head, field, entries, show) }
}

async function* pieces<T>(
  head: Readonly<Record<string, unknown>>,
  field: string,
  entries: readonly T[],
  show: (entry: T) => unknown,
): AsyncGenerator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},${JSON.stringify(field)}:[`
  for (let start = 0; start < entries.length; start += MAX_AT_ONCE) {
    const piece = entries.slice(start, start + MAX_AT_ONCE).map((entry) => JSON.stringify(show(entry)))
    yield `${start === 0 ? '' : ','}${piece.join(',')}`
  }
  yield ']}\n'
}
