import type {
  ClusterConfig,
  DynamicConfig,
  ListenerConfig,
  NodeConfig,
  ProxyConfig,
  SecretConfig,
  TracingProvider,
} from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertAdmin } from './admin.ts'
import { convertCluster } from './cluster.ts'
import { type ConnectionLimit, checkConnectionLimits, convertConnectionLimits } from './connection-limits.ts'
import type { SourceContext, ValidateOptions } from './convert-context.ts'
import { convertDynamicResources, requireNodeId, sourceContext } from './dynamic-resources.ts'
import { convertListener } from './listener.ts'
import { convertLocality } from './locality.ts'
import { convertStatsConfig } from './stats-config.ts'
import { convertSecret } from './tls-secrets.ts'
import { convertTracer } from './tracer.ts'

const MODULES_TYPE = 'meltemi.v1.Modules'

/** Reads a Bootstrap. The result is good only when no problem was reported. */
export function convertBootstrap(bootstrap: ConfigMessage, options: ValidateOptions): ProxyConfig {
  const resources = bootstrap.message('static_resources')
  const secrets = convertSecrets(resources)
  const sources = { ...sourceContext(bootstrap), secrets: new Map(secrets.map((each) => [each.name, each])) }
  const dynamic = convertDynamicResources(bootstrap, sources)
  const clusters = convertClusters(resources, sources, options)
  const clusterNames = dynamic.clusters === undefined ? new Set(clusters.map((cluster) => cluster.name)) : undefined
  const connectionLimits = convertConnectionLimits(bootstrap)
  const tracingProvider = convertBootstrapTracer(bootstrap, clusterNames)
  const context = { options, clusterNames, connectionLimits, sources, isDelivered: false, tracingProvider }
  const listeners = convertListeners(resources, (listener) => convertListener(listener, context))
  requireNodeId(bootstrap, { dynamic, clusters, listeners })
  const stats = convertStatsConfig(bootstrap)
  return {
    node: convertNode(bootstrap.message('node')),
    ...convertAdmin(bootstrap.message('admin')),
    clusters,
    ...convertLocalCluster(bootstrap.message('cluster_manager'), clusters),
    listeners,
    dynamic: { ...dynamic, ...limitsOfLaterListeners(dynamic, connectionLimits, listeners) },
    modules: convertModules(bootstrap),
    ...(tracingProvider === undefined ? {} : { tracingProvider }),
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(stats === undefined ? {} : { stats }),
  }
}

/** Limits wait for listeners where more can come; elsewhere a limit for nobody is a mistake. */
function limitsOfLaterListeners(
  dynamic: DynamicConfig,
  limits: ReadonlyMap<string, ConnectionLimit>,
  listeners: readonly ListenerConfig[],
): Pick<DynamicConfig, 'connectionLimits'> {
  if (dynamic.listeners === undefined) checkConnectionLimits(limits, listeners)
  if (dynamic.listeners === undefined || limits.size === 0) return {}
  return { connectionLimits: new Map([...limits].map(([name, { limit }]) => [name, limit])) }
}

function convertBootstrapTracer(
  bootstrap: ConfigMessage,
  clusters: ReadonlySet<string> | undefined,
): TracingProvider | undefined {
  const http = bootstrap.message('tracing')?.message('http')
  return http === undefined ? undefined : convertTracer(http, clusters)
}

function convertNode(node: ConfigMessage | undefined): NodeConfig {
  const locality = node === undefined ? undefined : convertLocality(node)
  return {
    id: node?.text('id') ?? '',
    cluster: node?.text('cluster') ?? '',
    metadata: (node?.json('metadata') as NodeConfig['metadata'] | undefined) ?? {},
    ...(locality === undefined ? {} : { locality }),
  }
}

function convertLocalCluster(
  manager: ConfigMessage | undefined,
  clusters: readonly ClusterConfig[],
): Pick<ProxyConfig, 'localCluster'> {
  const name = manager?.text('local_cluster_name') ?? ''
  if (name === '') return {}
  if (!clusters.some((cluster) => cluster.name === name)) {
    manager?.error('local_cluster_name', `there is no cluster ${JSON.stringify(name)} among static_resources`)
  }
  return { localCluster: name }
}

function convertClusters(
  resources: ConfigMessage | undefined,
  sources: SourceContext,
  options: ValidateOptions,
): readonly ClusterConfig[] {
  const names = new Set<string>()
  return (resources?.messages('clusters') ?? []).map((message) => {
    const cluster = convertCluster(message, sources, options)
    if (cluster.name !== '' && names.has(cluster.name)) {
      message.error('name', `there is already a cluster ${JSON.stringify(cluster.name)}`)
    }
    names.add(cluster.name)
    return cluster
  })
}

function convertSecrets(resources: ConfigMessage | undefined): readonly SecretConfig[] {
  const names = new Set<string>()
  return (resources?.messages('secrets') ?? []).flatMap((message) => {
    const name = message.text('name')
    if (name === '') message.reportMissing('name')
    else if (names.has(name)) message.error('name', `there is already a secret ${JSON.stringify(name)}`)
    names.add(name)
    return convertSecret(message) ?? []
  })
}

function convertListeners(
  resources: ConfigMessage | undefined,
  convert: (message: ConfigMessage) => ListenerConfig | undefined,
) {
  const names = new Set<string>()
  const addresses = new Map<string, string>()
  return (resources?.messages('listeners') ?? []).flatMap((message) => {
    const listener = convert(message)
    if (listener === undefined) return []
    if (names.has(listener.name)) message.error('name', `there is already a listener ${JSON.stringify(listener.name)}`)
    names.add(listener.name)
    refuseSameAddress(message, listener, addresses)
    return [listener]
  })
}

function refuseSameAddress(message: ConfigMessage, listener: ListenerConfig, addresses: Map<string, string>): void {
  const { host, port } = listener.address
  const address = `${host}:${port}`
  const owner = addresses.get(address)
  if (port !== 0 && owner !== undefined)
    message.error('address', `listener ${JSON.stringify(owner)} has ${address} already`)
  addresses.set(address, listener.name)
}

function convertModules(bootstrap: ConfigMessage): readonly string[] {
  return bootstrap.messages('bootstrap_extensions').flatMap((extension) => {
    const config = extension.any('typed_config')
    if (config?.typeName === MODULES_TYPE && config.message !== undefined) return config.message.texts('files')
    if (config !== undefined)
      extension.problems.refuse(config, `bootstrap extension ${config.typeName} is not supported yet`)
    return []
  })
}
