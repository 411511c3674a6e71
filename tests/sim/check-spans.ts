import type { RouteConfig } from '@meltemi/api/model'
import type { ZipkinSpan } from '../harness/observed.ts'
import { tablesOf } from './add-retries.ts'
import type { Run } from './stage.ts'

/** The shortest that a span is said to be. */
const LEAST_US = 1
/** The tick of the proxy's timers, and a turn. */
const LATE_US = 20_000

/** What the spans of requests and tries say, in runs that have some; the proxy has stopped. */
export function checkSpans(run: Run): void {
  const { spans } = run.observed
  const routes = tablesOf(run.scenario).flatMap((table) => table.routes)
  const hedges = routes.some(({ hedge }) => hedge !== undefined)
  const most = 1 + Math.max(0, ...routes.map(({ retry }) => retry?.numRetries ?? 0))
  const limitUs = longestUs(run, routes)
  const requests = spans.filter(({ kind }) => kind === 'SERVER')
  const triesOf = Map.groupBy(
    spans.filter(({ kind }) => kind === 'CLIENT'),
    ({ parentId }) => parentId,
  )
  for (const request of requests) {
    const tries = (triesOf.get(request.id) ?? []).sort((a, b) => a.timestamp - b.timestamp)
    if (tries.length > most) run.problem(`a request was tried ${tries.length} times, not ${most} at most`)
    if (!hedges && overlap(tries)) run.problem(`tries at the same time without hedging: ${textOf(tries)}`)
    for (const each of tries)
      if (each.duration > limitUs) run.problem(`a try went on for ${each.duration / 1000} ms: ${textOf([each])}`)
  }
}

/** Sorted by their beginnings. */
function overlap(tries: readonly ZipkinSpan[]): boolean {
  return tries.some((each, at) => {
    const before = tries[at - 1]
    return before !== undefined && before.timestamp + before.duration > each.timestamp + LEAST_US
  })
}

/** Infinity: some may take as long as they like. */
function longestUs({ scenario }: Run, routes: readonly RouteConfig[]): number {
  const defaults = scenario.config.listeners.flatMap(({ filter }) =>
    filter.kind === 'meta-protocol' ? [filter.requestTimeoutMs] : [],
  )
  const times = [...defaults, ...routes.flatMap(({ timeoutMs }) => (timeoutMs === undefined ? [] : [timeoutMs]))]
  return times.includes(0) ? Number.POSITIVE_INFINITY : Math.max(...times) * 1000 + LATE_US
}

function textOf(tries: readonly ZipkinSpan[]): string {
  return tries.map(({ timestamp, duration }) => `${(timestamp / 1000) % 1e6}+${duration / 1000} ms`).join(', ')
}
