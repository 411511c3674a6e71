import type { DestinationRule, SubsetTrafficPolicy } from '@meltemi/api'

/** How one cluster's workloads are used. */
export type Policy = SubsetTrafficPolicy

/**
 * The policy of a port of a service, or of a subset of it: the port's own stands for all of the service's, and a subset
 * says what is different. undefined `rule`: nothing is said.
 */
export function policyOf(rule: DestinationRule | undefined, port: number, subset = ''): Policy {
  const service = rule?.spec.trafficPolicy
  const own = service?.portLevelSettings?.find((settings) => settings.port.number === port)
  const base = pick(own ?? service ?? {})
  const different = rule?.spec.subsets?.find(({ name }) => name === subset)?.trafficPolicy
  return different === undefined ? base : { ...base, ...pick(different) }
}

/** Without what is not set, so that it cannot hide what is set elsewhere. */
function pick({ loadBalancer, connectionPool, outlierDetection, tls }: Policy): Policy {
  return {
    ...(loadBalancer === undefined ? {} : { loadBalancer }),
    ...(connectionPool === undefined ? {} : { connectionPool }),
    ...(outlierDetection === undefined ? {} : { outlierDetection }),
    ...(tls === undefined ? {} : { tls }),
  }
}
