import {
  type DynamicConfig,
  type ListenerConfig,
  type ProxyConfig,
  type RdsConfig,
  secretRefs,
} from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertApiConfigSource, convertConfigSource } from './config-source.ts'
import type { SourceContext } from './convert-context.ts'

/** Reads `dynamic_resources`: from where clusters and listeners come while the proxy runs. */
export function convertDynamicResources(bootstrap: ConfigMessage, context: SourceContext): DynamicConfig {
  const resources = bootstrap.message('dynamic_resources')
  if (resources === undefined) return { ads: undefined, listeners: undefined, clusters: undefined }
  return {
    ads: convertApiConfigSource(resources, 'ads_config', context),
    listeners: convertConfigSource(resources, 'lds_config', context),
    clusters: convertConfigSource(resources, 'cds_config', context),
  }
}

/** A control plane knows a proxy by its id: without one nobody can be asked for anything. */
export function requireNodeId(bootstrap: ConfigMessage, { dynamic, clusters, listeners }: Asking): void {
  const { ads, listeners: lds, clusters: cds } = dynamic
  const sides = [
    ...listeners.map(({ tls }) => tls),
    ...clusters.flatMap(({ tls, transportMatches = [] }) => [tls, ...transportMatches.map((match) => match.tls)]),
  ]
  const secrets = sides.flatMap((tls) => (tls === undefined ? [] : secretRefs(tls)))
  const remote = secrets.filter(({ source }) => source.kind !== 'path')
  const asks = [ads, lds, cds, ...clusters.map(({ eds }) => eds), ...listeners.map(rdsOf), ...remote]
  if (asks.every((each) => each === undefined)) return
  const node = bootstrap.message('node')
  if (node === undefined) bootstrap.reportMissing('node')
  else if (!node.has('id')) node.reportMissing('id')
}

type Asking = Pick<ProxyConfig, 'dynamic' | 'clusters' | 'listeners'>

function rdsOf({ filter }: ListenerConfig): RdsConfig | undefined {
  return filter.kind === 'meta-protocol' ? filter.rds : undefined
}

/** What sources may refer to, found before anything is converted. */
export function sourceContext(bootstrap: ConfigMessage): SourceContext {
  const clusters = bootstrap.message('static_resources')?.messages('clusters') ?? []
  return {
    hasAds: bootstrap.message('dynamic_resources')?.has('ads_config') ?? false,
    staticClusters: new Set(
      clusters.filter((cluster) => cluster.enumName('type') !== 'EDS').map((cluster) => cluster.text('name')),
    ),
  }
}
