import type { ConvertContext, SourceContext, ValidateOptions } from '../convert/convert-context.ts'
import type { ProxyConfig, TracingProvider } from '../model/index.ts'

/** What resources of a control plane are checked against: the bootstrap that they come to. */
export interface ResourceContext {
  readonly options: ValidateOptions
  readonly sources: SourceContext
  /** By listener name. */
  readonly connectionLimits: ReadonlyMap<string, number>
  /** Where spans go of those who do not say it. */
  readonly tracingProvider?: TracingProvider | undefined
}

export function resourceContext(config: ProxyConfig, options: ValidateOptions): ResourceContext {
  const fixed = config.clusters.filter(({ discovery, endpoints }) => discovery !== 'eds' && endpoints.length > 0)
  return {
    options,
    sources: {
      hasAds: config.dynamic.ads !== undefined,
      staticClusters: new Set(fixed.map(({ name }) => name)),
      secrets: new Map((config.secrets ?? []).map((secret) => [secret.name, secret])),
    },
    connectionLimits: config.dynamic.connectionLimits ?? new Map(),
    tracingProvider: config.tracingProvider,
  }
}

export function convertContext({
  options,
  sources,
  connectionLimits,
  tracingProvider,
}: ResourceContext): ConvertContext {
  const limits = [...connectionLimits].map(([name, limit]) => [name, { limit }] as const)
  return {
    options,
    sources,
    clusterNames: undefined,
    connectionLimits: new Map(limits),
    isDelivered: true,
    tracingProvider,
  }
}
