import {
  type AdminReply,
  type AdminRoute,
  badRequest,
  formatPrometheus,
  formatStats,
  isUnused,
  jsonReply,
  type MetricValue,
  PROMETHEUS_CONTENT_TYPE,
  statsToJson,
} from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'
import { createNameFilter, FilterError } from './name-filter.ts'
import { StatsView } from './stats-view.ts'

const PARAMETERS = '?filter=RE2 (found anywhere in the name), ?usedonly, ?type=Counters|Gauges|Histograms'

export function statsRoutes(inspector: ProxyInspector): AdminRoute[] {
  const { stats } = inspector.live.bootstrap
  const forgotten = inspector.metrics.counter('stat_names_forgotten')
  const view = stats === undefined ? undefined : new StatsView(stats, { forgotten })
  return [
    {
      method: 'GET',
      path: '/stats',
      description: `all stats; ${PARAMETERS}, ?format=json|prometheus`,
      handle: ({ query }) => replyWith(inspector, view, query, query.get('format') ?? 'text'),
    },
    {
      method: 'GET',
      path: '/stats/prometheus',
      description: `all stats for Prometheus; ${PARAMETERS}`,
      handle: ({ query }) => replyWith(inspector, view, query, 'prometheus'),
    },
  ]
}

async function replyWith(
  inspector: ProxyInspector,
  view: StatsView | undefined,
  query: URLSearchParams,
  format: string,
): Promise<AdminReply> {
  try {
    const selected = selectMetrics(inspector, query)
    const metrics = view === undefined ? selected : await view.select(selected, format === 'prometheus')
    if (format === 'prometheus') return { contentType: PROMETHEUS_CONTENT_TYPE, body: formatPrometheus(metrics, view) }
    if (format === 'json') return jsonReply(statsToJson(metrics))
    return format === 'text' ? { body: formatStats(metrics) } : badRequest('format must be text, json or prometheus')
  } catch (error: unknown) {
    if (error instanceof FilterError) return badRequest(error.message)
    throw error
  }
}

function selectMetrics(inspector: ProxyInspector, query: URLSearchParams): MetricValue[] {
  const pattern = query.get('filter')
  const accepts = pattern === null ? undefined : createNameFilter(pattern)
  const isSelectedKind = kindFilter(query.get('type') ?? 'All')
  const usedOnly = query.has('usedonly')
  inspector.updateStats()
  const metrics = inspector.metrics.read(accepts)
  return metrics.filter((metric) => isSelectedKind(metric) && !(usedOnly && isUnused(metric)))
}

function kindFilter(type: string): (metric: MetricValue) => boolean {
  const name = type.toLowerCase()
  if (name === 'all') return () => true
  if (!['counters', 'gauges', 'histograms'].includes(name)) {
    throw new FilterError('type must be All, Counters, Gauges or Histograms')
  }
  return (metric) => `${metric.kind}s` === name
}
