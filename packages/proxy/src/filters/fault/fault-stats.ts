import type { ProxyFilterHost } from '../proxy-filter.ts'

/** Envoy's, with the prefix between when there is one. */
export type FaultStats = ReturnType<typeof faultStats>

export function faultStats(host: ProxyFilterHost, statPrefix: string) {
  const prefix = statPrefix === '' ? 'fault' : `fault.${statPrefix}`
  return {
    delays: host.counter(`${prefix}.delays_injected`),
    aborts: host.counter(`${prefix}.aborts_injected`),
    overflow: host.counter(`${prefix}.faults_overflow`),
    active: host.gauge(`${prefix}.active_faults`),
  }
}
