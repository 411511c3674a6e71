import { escapeLabelValue, splitLabels } from './labelled-name.ts'
import { DEFAULT_NAMING, type NamePart, type StatNaming, withoutParts } from './stat-naming.ts'

/** How a dotted stat name is written for Prometheus: a family, and labels where the name of a resource is part of it. */
export interface PrometheusName {
  readonly family: string
  /** Ready for use, such as `envoy_cluster_name="a"`, several with commas; empty: none. */
  readonly label: string
  /** The stat name, with a star for the resource. */
  readonly help: string
}

interface ResourceStats {
  readonly prefix: string
  readonly label: string
}

const RESOURCES: readonly ResourceStats[] = [
  { prefix: 'cluster.', label: 'envoy_cluster_name' },
  { prefix: 'listener.', label: 'envoy_listener_address' },
  { prefix: 'tcp.', label: 'envoy_tcp_prefix' },
]

/** Stats whose own name has dots; without them the name of a resource ends at the last dot. */
const GROUPS = [
  '.circuit_breakers.default',
  '.circuit_breakers.high',
  '.outlier_detection',
  '.health_check',
  '.internal',
  '.external',
  '.ssl',
]

/** Stats that Envoy does not have. */
const OWN_PREFIX = 'meltemi.'

/** The namespace of stats that have their own names for Prometheus; those of Istio are in it. */
const CUSTOM_PREFIX = 'wasmcustom.'

/** Names of resources may have dots themselves, as `cluster.outbound|80||a.b.svc.upstream_cx_total` does. */
export function toPrometheusName(statName: string, naming: StatNaming = DEFAULT_NAMING): PrometheusName {
  const { name, labels } = splitLabels(statName) ?? { name: statName, labels: '' }
  if (name.startsWith(OWN_PREFIX) && labels !== '')
    return { family: sanitize(name), label: labels, help: escapeHelp(name) }
  if (name.startsWith(CUSTOM_PREFIX)) {
    return { family: sanitize(name.slice(CUSTOM_PREFIX.length)), label: labels, help: escapeHelp(name) }
  }
  const parts = partsOf(statName, naming)
  const pairs = [...parts.map(({ label, value }) => [label, value] as const), ...missing(naming.fixed, parts)]
  const family = sanitize(withoutParts(statName, parts, ''))
  return {
    family: statName.startsWith(OWN_PREFIX) ? family : `envoy_${family}`,
    label: pairs.map(([label, value]) => `${label}="${escapeLabelValue(value)}"`).join(','),
    help: escapeHelp(withoutParts(statName, parts.map(withoutDot(statName)), '*')),
  }
}

/** Of what is configured, and of Envoy's defaults, where that label is not there yet. */
function partsOf(statName: string, naming: StatNaming): readonly NamePart[] {
  const parts = naming.parts(statName)
  const resource = resourcePart(statName)
  if (resource === undefined || !naming.usesDefault(resource.label)) return parts
  return parts.some(({ label }) => label === resource.label) ? parts : [resource, ...parts]
}

function missing(fixed: StatNaming['fixed'], parts: readonly NamePart[]): StatNaming['fixed'] {
  return fixed.filter(([name]) => !parts.some(({ label }) => label === name))
}

function resourcePart(statName: string): NamePart | undefined {
  const resource = RESOURCES.find(({ prefix }) => statName.startsWith(prefix))
  if (resource === undefined || statName.startsWith('listener.admin.')) return undefined
  const start = resource.prefix.length
  const end = resourceEnd(statName)
  return end <= start ? undefined : { start, end: end + 1, label: resource.label, value: statName.slice(start, end) }
}

/** The dot that was taken out with it stays in the help. */
function withoutDot(statName: string): (part: NamePart) => Pick<NamePart, 'start' | 'end'> {
  return ({ start, end }) => ({ start, end: end > start && statName[end - 1] === '.' ? end - 1 : end })
}

function escapeHelp(value: string): string {
  return value.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function resourceEnd(statName: string): number {
  const lastDot = statName.lastIndexOf('.')
  const resource = statName.slice(0, lastDot)
  for (const group of GROUPS) {
    if (resource.endsWith(group)) return lastDot - group.length
  }
  return lastDot
}

function sanitize(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9]/g, '_')
}
