import type { MetricRegistry } from '@meltemi/runtime'

/** What becomes of the copies of one MetaProtocolProxy: `total` is `active` and all the ends that follow it. */
export type MirrorStats = ReturnType<typeof mirrorStats>

export function mirrorStats(metrics: MetricRegistry, applicationProtocol: string, statPrefix: string) {
  const prefix = `meta_protocol.${applicationProtocol}.${statPrefix}.mirror_`
  return {
    total: metrics.counter(`${prefix}total`),
    active: metrics.gauge(`${prefix}active`),
    completed: metrics.counter(`${prefix}completed`),
    failed: metrics.counter(`${prefix}failed`),
    timeout: metrics.counter(`${prefix}timeout`),
    dropped: metrics.counter(`${prefix}dropped`),
    stream: metrics.counter(`${prefix}stream`),
  }
}
