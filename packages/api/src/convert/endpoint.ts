import type { EndpointConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertAddress, type Hosts } from './address.ts'

const IS_HEALTHY: Readonly<Record<string, boolean>> = {
  UNKNOWN: true,
  HEALTHY: true,
  UNHEALTHY: false,
  DRAINING: false,
  TIMEOUT: false,
}

/** All endpoints of a ClusterLoadAssignment; localities only group them, for priorities and weights are refused. */
export function convertEndpoints(assignment: ConfigMessage, hosts: Hosts): readonly EndpointConfig[] {
  const localities = assignment.messages('endpoints')
  return localities.flatMap((locality) =>
    locality.messages('lb_endpoints').flatMap((each) => convertEndpoint(each, hosts) ?? []),
  )
}

function convertEndpoint(lbEndpoint: ConfigMessage, hosts: Hosts): EndpointConfig | undefined {
  const endpoint = lbEndpoint.message('endpoint')
  if (endpoint === undefined) {
    if (!lbEndpoint.has('endpoint_name')) lbEndpoint.reportMissing('endpoint')
    return undefined
  }
  const address = convertAddress(endpoint, 'address', hosts)
  if (address === undefined) return undefined
  if (address.port === 0) endpoint.error('address', 'the port of an endpoint must be more than 0')
  return {
    address,
    hostname: endpoint.text('hostname'),
    weight: lbEndpoint.number('load_balancing_weight') ?? 1,
    healthy: convertHealth(lbEndpoint),
  }
}

function convertHealth(lbEndpoint: ConfigMessage): boolean {
  const status = lbEndpoint.enumName('health_status')
  const isHealthy = IS_HEALTHY[status]
  if (isHealthy === undefined) lbEndpoint.error('health_status', `${status} is not supported yet`)
  return isHealthy ?? false
}
