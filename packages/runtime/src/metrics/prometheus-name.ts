import { escapeLabelValue, splitLabels } from './labelled-name.ts'

/** How a dotted stat name is written for Prometheus: a family, and a label where the name of a resource is part of it. */
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
export function toPrometheusName(statName: string): PrometheusName {
  const { name, labels: label } = splitLabels(statName) ?? { name: statName, labels: '' }
  if (name.startsWith(OWN_PREFIX)) return { family: sanitize(name), label, help: escapeHelp(name) }
  if (name.startsWith(CUSTOM_PREFIX)) {
    return { family: sanitize(name.slice(CUSTOM_PREFIX.length)), label, help: escapeHelp(name) }
  }
  for (const { prefix, label } of RESOURCES) {
    if (!statName.startsWith(prefix) || statName.startsWith('listener.admin.')) continue
    const end = resourceEnd(statName)
    if (end <= prefix.length) break
    const stat = statName.slice(end + 1)
    return {
      family: `envoy_${sanitize(prefix + stat)}`,
      label: `${label}="${escapeLabelValue(statName.slice(prefix.length, end))}"`,
      help: escapeHelp(`${prefix}*.${stat}`),
    }
  }
  return { family: `envoy_${sanitize(statName)}`, label: '', help: escapeHelp(statName) }
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
