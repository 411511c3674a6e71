import {
  type FaultInjection,
  type FilterConfig,
  type MetaRoute,
  type RouteConfig,
  tryParseDuration,
} from '@meltemi/api'
import type { ServiceView } from '../store/world.ts'

const MILLION = 1_000_000
const FAULT = {
  name: 'meltemi.filters.fault',
  typeUrl: 'type.googleapis.com/meltemi.filters.fault.v1.Fault',
} as const

/** What a route says to the filter below. */
export function faultOverride({ fault }: MetaRoute): Pick<RouteConfig, 'overrides'> {
  return fault === undefined ? {} : { overrides: [{ name: FAULT.name, filter: { ...FAULT, config: configOf(fault) } }] }
}

/** The filter that routes configure: only where one of them does, for other proxies of the protocol do not know it. */
export function faultFilters({ router }: ServiceView): readonly FilterConfig[] {
  const isNeeded = router?.spec.routes?.some(({ fault }) => fault !== undefined) ?? false
  return isNeeded ? [{ ...FAULT, config: undefined }] : []
}

/** The JSON form of a meltemi.filters.fault.v1.Fault. */
function configOf({ delay, abort }: FaultInjection): object {
  return {
    ...(delay && { delay: { fixedDelay: secondsOf(delay.fixedDelay), percentage: fractionOf(delay.percentage) } }),
    ...(abort && { abort: { errorType: abort.errorType ?? 'Fault', percentage: fractionOf(abort.percentage) } }),
  }
}

function fractionOf(percentage: { readonly value: number } | undefined): object {
  const percent = percentage?.value ?? 100
  return { numerator: Math.round((percent * MILLION) / 100), denominator: 'MILLION' }
}

function secondsOf(duration: string): string {
  const ms = Math.max(1, Math.round(tryParseDuration(duration) ?? 0))
  return `${ms / 1000}s`
}
