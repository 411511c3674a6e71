import {
  type AdminRoute,
  formatPrometheus,
  formatStats,
  type MetricReader,
  PROMETHEUS_CONTENT_TYPE,
} from '@meltemi/runtime'
import { prometheusName } from './prometheus-names.ts'
import { formatRules } from './rules/format-rules.ts'
import type { RuleSet } from './rules/rule-set.ts'

export interface AdminOptions {
  readonly rules: () => RuleSet
  readonly metrics: MetricReader
  readonly isReady: () => boolean
}

/** The pages for operators and probes. */
export function adminRoutes({ rules, metrics, isReady }: AdminOptions): readonly AdminRoute[] {
  const health = () => (isReady() ? { body: 'OK\n' } : { status: 503, body: 'NOT READY\n' })
  return [
    { method: 'GET', path: '/ready', description: 'whether requests can be answered', handle: health },
    { method: 'GET', path: '/healthcheck', description: 'the same, under the name of the reference', handle: health },
    {
      method: 'GET',
      path: '/rlconfig',
      description: 'the limits in force, a line each',
      handle: () => ({ body: formatRules(rules()) }),
    },
    {
      method: 'GET',
      path: '/stats',
      description: 'all counters by name',
      handle: () => ({ body: formatStats(metrics.read()) }),
    },
    {
      method: 'GET',
      path: '/metrics',
      description: 'all counters for Prometheus',
      handle: () => ({
        contentType: PROMETHEUS_CONTENT_TYPE,
        body: formatPrometheus(metrics.read(), {
          nameOf: (name) => prometheusName(name, rules().domains.keys()),
        }),
      }),
    },
  ]
}
