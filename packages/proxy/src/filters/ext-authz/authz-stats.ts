import type { MetricRegistry } from '@meltemi/runtime'

export type AuthzStats = ReturnType<typeof authzStats>

/** The names of Envoy's network filter, without those that are about connections. */
export function authzStats(metrics: MetricRegistry, statPrefix: string) {
  const counter = (name: string) => metrics.counter(`${authzGroup(statPrefix)}.${name}`)
  return {
    total: counter('total'),
    ok: counter('ok'),
    denied: counter('denied'),
    error: counter('error'),
    failureModeAllowed: counter('failure_mode_allowed'),
    disabled: counter('disabled'),
  }
}

export function authzGroup(statPrefix: string): string {
  return `ext_authz.${statPrefix}`
}
