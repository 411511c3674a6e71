import type { MetricKind, MetricValue } from './definition.ts'
import type { HistogramSnapshot } from './histogram-snapshot.ts'
import { toPrometheusName } from './prometheus-name.ts'

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Envoy's default buckets, in milliseconds. */
const BUCKET_BOUNDS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
]

interface Family {
  readonly name: string
  readonly kind: MetricKind
  readonly help: string
  /** By label. */
  readonly samples: Map<string, number | HistogramSnapshot>
}

/**
 * The text exposition format. Stats that Prometheus cannot tell apart (`a.b` and `a-b`) are added up, so that no sample
 * comes twice; of those that differ in kind as well only the first is shown.
 */
export function formatPrometheus(metrics: readonly MetricValue[]): string {
  const families = collectFamilies(metrics)
  const lines: string[] = []
  for (const name of [...families.keys()].sort()) {
    const family = families.get(name)
    if (family !== undefined && isDistinct(family, families)) writeFamily(family, lines)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

function collectFamilies(metrics: readonly MetricValue[]): Map<string, Family> {
  const families = new Map<string, Family>()
  for (const metric of metrics) {
    const { family: name, label, help } = toPrometheusName(metric.name)
    const family = families.get(name) ?? { name, kind: metric.kind, help, samples: new Map() }
    families.set(name, family)
    if (family.kind === metric.kind) family.samples.set(label, addedUp(family.samples.get(label), metric))
  }
  return families
}

function addedUp(before: number | HistogramSnapshot | undefined, metric: MetricValue): number | HistogramSnapshot {
  if (metric.kind === 'histogram') return typeof before === 'object' ? before.plus(metric.histogram) : metric.histogram
  return typeof before === 'number' ? before + metric.value : metric.value
}

/** A counter `x_count` beside a histogram `x` would give the same line twice. */
function isDistinct(family: Family, families: ReadonlyMap<string, Family>): boolean {
  const owner = /^(.+)_(?:bucket|count|sum)$/.exec(family.name)?.[1]
  return owner === undefined || families.get(owner)?.kind !== 'histogram'
}

function writeFamily(family: Family, lines: string[]): void {
  lines.push(`# HELP ${family.name} Stat ${family.help}`)
  lines.push(`# TYPE ${family.name} ${family.kind}`)
  for (const [label, sample] of family.samples) {
    if (typeof sample === 'number') lines.push(`${family.name}${braces(label)} ${formatNumber(sample)}`)
    else writeHistogram(family.name, label, sample, lines)
  }
}

function writeHistogram(name: string, label: string, histogram: HistogramSnapshot, lines: string[]): void {
  const before = label === '' ? '' : `${label},`
  const counts = histogram.countsAtMost(BUCKET_BOUNDS)
  for (const [index, bound] of BUCKET_BOUNDS.entries()) {
    lines.push(`${name}_bucket{${before}le="${bound}"} ${counts[index]}`)
  }
  lines.push(`${name}_bucket{${before}le="+Inf"} ${histogram.count}`)
  lines.push(`${name}_sum${braces(label)} ${formatNumber(histogram.sum)}`)
  lines.push(`${name}_count${braces(label)} ${histogram.count}`)
}

function braces(label: string): string {
  return label === '' ? '' : `{${label}}`
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}
