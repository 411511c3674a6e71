import type { MetricRegistry } from '@meltemi/runtime'

/** Envoy's cluster statistics, by Envoy's names. */
export type ClusterStats = ReturnType<typeof clusterStats>

export function clusterStats(metrics: MetricRegistry, statName: string) {
  const prefix = `cluster.${statName}.`
  const counter = (name: string) => metrics.counter(prefix + name)
  const gauge = (name: string) => metrics.gauge(prefix + name)
  return {
    cxTotal: counter('upstream_cx_total'),
    cxActive: gauge('upstream_cx_active'),
    cxConnectFail: counter('upstream_cx_connect_fail'),
    cxConnectTimeout: counter('upstream_cx_connect_timeout'),
    cxOverflow: counter('upstream_cx_overflow'),
    cxDestroyLocal: counter('upstream_cx_destroy_local'),
    cxDestroyRemote: counter('upstream_cx_destroy_remote'),
    cxDestroyWithActive: counter('upstream_cx_destroy_with_active_rq'),
    cxProtocolError: counter('upstream_cx_protocol_error'),
    cxRxBytes: counter('upstream_cx_rx_bytes_total'),
    cxTxBytes: counter('upstream_cx_tx_bytes_total'),
    cxConnectMs: metrics.histogram(`${prefix}upstream_cx_connect_ms`),
    cxNoneHealthy: counter('upstream_cx_none_healthy'),
    rqTotal: counter('upstream_rq_total'),
    rqActive: gauge('upstream_rq_active'),
    rqPendingTotal: counter('upstream_rq_pending_total'),
    rqPendingActive: gauge('upstream_rq_pending_active'),
    rqPendingOverflow: counter('upstream_rq_pending_overflow'),
    rqPendingFailureEject: counter('upstream_rq_pending_failure_eject'),
    rqOverflow: counter('upstream_rq_overflow'),
    rqTimeout: counter('upstream_rq_timeout'),
    rqPerTryTimeout: counter('upstream_rq_per_try_timeout'),
    rqRetry: counter('upstream_rq_retry'),
    rqRetryBackoffExponential: counter('upstream_rq_retry_backoff_exponential'),
    rqRetrySuccess: counter('upstream_rq_retry_success'),
    rqRetryLimitExceeded: counter('upstream_rq_retry_limit_exceeded'),
    rqRetryOverflow: counter('upstream_rq_retry_overflow'),
    rqRetryNonIdempotent: counter('upstream_rq_retry_non_idempotent'),
    retryOrShadowAbandoned: counter('retry_or_shadow_abandoned'),
    rqCancelled: counter('upstream_rq_cancelled'),
    rqUnknownReply: counter('upstream_rq_unknown_reply'),
    rqTimeMs: metrics.histogram(`${prefix}upstream_rq_time`),
    lbHealthyPanic: counter('lb_healthy_panic'),
    lbSubsetsActive: gauge('lb_subsets_active'),
    lbSubsetsSelected: counter('lb_subsets_selected'),
    lbSubsetsFallback: counter('lb_subsets_fallback'),
    lbSubsetsFallbackPanic: counter('lb_subsets_fallback_panic'),
    lbSubsetsOverflow: counter('lb_subsets_overflow'),
    lbSubsetsForgotten: counter('lb_subsets_forgotten'),
    lbZoneRoutingAllDirectly: counter('lb_zone_routing_all_directly'),
    lbZoneRoutingSampled: counter('lb_zone_routing_sampled'),
    lbZoneRoutingCrossZone: counter('lb_zone_routing_cross_zone'),
    membershipTotal: gauge('membership_total'),
    membershipHealthy: gauge('membership_healthy'),
    membershipDegraded: gauge('membership_degraded'),
    updateSuccess: counter('update_success'),
    updateFailure: counter('update_failure'),
  }
}
