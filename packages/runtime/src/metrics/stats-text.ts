import type { MetricValue } from './definition.ts'
import type { HistogramSnapshot } from './histogram-snapshot.ts'

/** As on Envoy's `/stats`. */
export const STATS_PERCENTILES = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100]

/** Envoy's `/stats`: counters and gauges, then histograms, a line each. */
export function formatStats(metrics: readonly MetricValue[]): string {
  const scalars: string[] = []
  const histograms: string[] = []
  for (const metric of metrics) {
    if (metric.kind === 'histogram') histograms.push(`${metric.name}: ${formatPercentiles(metric.histogram)}\n`)
    else scalars.push(`${metric.name}: ${metric.value}\n`)
  }
  return scalars.join('') + histograms.join('')
}

/** Envoy's `/stats?format=json`. */
export function statsToJson(metrics: readonly MetricValue[]): unknown {
  const stats: unknown[] = []
  const computed: unknown[] = []
  for (const metric of metrics) {
    if (metric.kind === 'histogram') computed.push({ name: metric.name, values: percentileValues(metric.histogram) })
    else stats.push({ name: metric.name, value: metric.value })
  }
  if (computed.length > 0) {
    stats.push({ histograms: { supported_quantiles: STATS_PERCENTILES, computed_quantiles: computed } })
  }
  return { stats }
}

/** Never counted up, set or recorded. */
export function isUnused(metric: MetricValue): boolean {
  return metric.kind === 'histogram' ? metric.histogram.count === 0 : metric.value === 0
}

/** Envoy prints (last interval, since the start); there are no intervals here, and it prints those as nan too. */
function formatPercentiles(histogram: HistogramSnapshot): string {
  if (histogram.count === 0) return 'No recorded values'
  const parts = STATS_PERCENTILES.map((percent) => `P${percent}(nan,${rounded(histogram.quantile(percent / 100))})`)
  return parts.join(' ')
}

function percentileValues(histogram: HistogramSnapshot): unknown[] {
  return STATS_PERCENTILES.map((percent) => ({
    interval: null,
    cumulative: histogram.count === 0 ? null : rounded(histogram.quantile(percent / 100)),
  }))
}

function rounded(value: number): number {
  return Number(value.toPrecision(5))
}
