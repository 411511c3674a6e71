import type { MetricKind, MetricValue } from './definition.ts'
import type { HistogramSnapshot } from './histogram-snapshot.ts'
import { type PrometheusName, toPrometheusName } from './prometheus-name.ts'

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Envoy's default buckets, in milliseconds. */
const BUCKET_BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
]

export interface PrometheusOptions {
  /** Default: as Envoy's defaults have it. */
  nameOf?(statName: string): PrometheusName
  /** Of the buckets of a histogram, ascending; undefined: Envoy's. */
  boundsOf?(statName: string): readonly number[] | undefined
}

interface Buckets {
  readonly histogram: HistogramSnapshot
  readonly bounds: readonly number[]
}

type Sample = number | Buckets

interface Family {
  readonly name: string
  readonly kind: MetricKind
  readonly help: string
  /** By label. */
  readonly samples: Map<string, Sample>
}

/**
 * The text exposition format. Stats that Prometheus cannot tell apart (`a.b` and `a-b`) are added up, so that no sample
 * comes twice; of those that differ in kind as well only the first is shown.
 */
export function formatPrometheus(metrics: readonly MetricValue[], options: PrometheusOptions = {}): string {
  const families = collectFamilies(metrics, options)
  const lines: string[] = []
  for (const name of [...families.keys()].sort()) {
    const family = families.get(name)
    if (family !== undefined && isDistinct(family, families)) writeFamily(family, lines)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

function collectFamilies(metrics: readonly MetricValue[], options: PrometheusOptions): Map<string, Family> {
  const nameOf = (statName: string) => options.nameOf?.(statName) ?? toPrometheusName(statName)
  const families = new Map<string, Family>()
  for (const metric of metrics) {
    const { family: name, label, help } = nameOf(metric.name)
    const family = families.get(name) ?? { name, kind: metric.kind, help, samples: new Map() }
    families.set(name, family)
    if (family.kind !== metric.kind) continue
    const bounds = options.boundsOf?.(metric.name) ?? BUCKET_BOUNDS
    family.samples.set(label, addedUp(family.samples.get(label), metric, bounds))
  }
  return families
}

function addedUp(before: Sample | undefined, metric: MetricValue, bounds: readonly number[]): Sample {
  if (metric.kind !== 'histogram') return typeof before === 'number' ? before + metric.value : metric.value
  const { histogram } = metric
  return typeof before === 'object' ? { ...before, histogram: before.histogram.plus(histogram) } : { histogram, bounds }
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

function writeHistogram(name: string, label: string, { histogram, bounds }: Buckets, lines: string[]): void {
  const before = label === '' ? '' : `${label},`
  const counts = histogram.countsAtMost(bounds)
  for (const [index, bound] of bounds.entries()) {
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
