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

const PARAMETERS = '?filter=RE2 (found anywhere in the name), ?usedonly, ?type=Counters|Gauges|Histograms'

export function statsRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/stats',
    description: `all stats; ${PARAMETERS}, ?format=json|prometheus`,
    handle: ({ query }) => replyWith(inspector, query, query.get('format') ?? 'text'),
  }
}

export function prometheusRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/stats/prometheus',
    description: `all stats for Prometheus; ${PARAMETERS}`,
    handle: ({ query }) => replyWith(inspector, query, 'prometheus'),
  }
}

function replyWith(inspector: ProxyInspector, query: URLSearchParams, format: string): AdminReply {
  try {
    const metrics = selectMetrics(inspector, query)
    if (format === 'prometheus') return { contentType: PROMETHEUS_CONTENT_TYPE, body: formatPrometheus(metrics) }
    if (format === 'json') return jsonReply(statsToJson(metrics))
    return format === 'text' ? { body: formatStats(metrics) } : badRequest('format must be text, json or prometheus')
  } catch (error: unknown) {
    if (error instanceof FilterError) return badRequest(error.message)
    throw error
  }
}

function selectMetrics(inspector: ProxyInspector, query: URLSearchParams): MetricValue[] {
  const pattern = query.get('filter')
  const metrics = inspector.metrics.read(pattern === null ? undefined : createNameFilter(pattern))
  const isSelectedKind = kindFilter(query.get('type') ?? 'All')
  const usedOnly = query.has('usedonly')
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
