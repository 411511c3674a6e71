import type { Query } from './grafana.ts'

export const QUANTILES = [0.5, 0.9, 0.99] as const

/** Of one of Envoy's counters (`stat` without `envoy_`), a second, by label. */
export function rateBy(label: string, stat: string, suffix = ''): Query {
  return { expr: `sum by (${label}) (rate(envoy_${stat}[$__rate_interval]))`, legend: `{{${label}}}${suffix}` }
}

/** Of one of Envoy's gauges, by label. */
export function sumBy(label: string, stat: string): Query {
  return { expr: `sum by (${label}) (envoy_${stat})`, legend: `{{${label}}}` }
}

/** A query for one number. */
export function one(expr: string): readonly Query[] {
  return [{ expr, legend: '' }]
}

export function quantileOf(quantile: number, by: string, buckets: string): string {
  return `histogram_quantile(${quantile}, sum by (${by}) (${buckets}))`
}

export function quantileName(quantile: number): string {
  return `p${quantile * 100}`
}
