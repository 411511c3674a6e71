import type { SocketAddress } from '@meltemi/api/model'
import type { MetricRegistry } from '@meltemi/runtime'

/** Envoy's statistics of a listener. */
export type ListenerStats = ReturnType<typeof listenerStats>

export function listenerStats(metrics: MetricRegistry, { host, port }: SocketAddress) {
  const prefix = `listener.${host}_${port}.`
  return {
    cxTotal: metrics.counter(`${prefix}downstream_cx_total`),
    cxActive: metrics.gauge(`${prefix}downstream_cx_active`),
    cxDestroy: metrics.counter(`${prefix}downstream_cx_destroy`),
    cxOldCode: metrics.gauge(`${prefix}downstream_cx_old_code`),
    cxOverflow: metrics.counter(`${prefix}downstream_cx_overflow`),
    cxOverloadReject: metrics.counter(`${prefix}downstream_cx_overload_reject`),
    overloadClosed: metrics.counter(`${prefix}downstream_cx_overload_closed`),
    proxyProtocolError: metrics.counter(`${prefix}downstream_cx_proxy_proto_error`),
  }
}
