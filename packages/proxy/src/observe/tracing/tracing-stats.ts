import type { Counter, MetricRegistry } from '@meltemi/runtime'

/** Why requests were traced, by Envoy's names. */
export interface TracingStats {
  readonly randomSampling: Counter
  readonly serviceForced: Counter
  readonly clientEnabled: Counter
  readonly notTraceable: Counter
}

export function tracingStats(metrics: MetricRegistry, applicationProtocol: string, statPrefix: string): TracingStats {
  const prefix = `meta_protocol.${applicationProtocol}.${statPrefix}.tracing.`
  return {
    randomSampling: metrics.counter(`${prefix}random_sampling`),
    serviceForced: metrics.counter(`${prefix}service_forced`),
    clientEnabled: metrics.counter(`${prefix}client_enabled`),
    notTraceable: metrics.counter(`${prefix}not_traceable`),
  }
}
