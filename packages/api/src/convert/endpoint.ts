import type { EndpointConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertAddress, type Hosts } from './address.ts'
import { convertEndpointMetadata, convertTransportMetadata } from './lb-metadata.ts'
import { convertLocality } from './locality.ts'

/** In percent; Envoy's default, and what priorities and localities go by. */
const OVERPROVISIONING_FACTOR = 140
const IS_HEALTHY: Readonly<Record<string, boolean>> = {
  UNKNOWN: true,
  HEALTHY: true,
  DEGRADED: true,
  UNHEALTHY: false,
  DRAINING: false,
  TIMEOUT: false,
}

/** What all endpoints of one LocalityLbEndpoints have in common. */
type Place = Pick<EndpointConfig, 'priority' | 'locality' | 'localityWeight'>

/** All endpoints of a ClusterLoadAssignment, each with its place. */
export function convertEndpoints(assignment: ConfigMessage, hosts: Hosts): readonly EndpointConfig[] {
  checkPolicy(assignment.message('policy'))
  return assignment.messages('endpoints').flatMap((group) => {
    const place = convertPlace(group)
    return group.messages('lb_endpoints').flatMap((each) => convertEndpoint(each, hosts, place) ?? [])
  })
}

function checkPolicy(policy: ConfigMessage | undefined): void {
  const factor = policy?.number('overprovisioning_factor') ?? OVERPROVISIONING_FACTOR
  if (factor !== OVERPROVISIONING_FACTOR) {
    policy?.error('overprovisioning_factor', `anything but ${OVERPROVISIONING_FACTOR} is not supported yet`)
  }
}

function convertPlace(group: ConfigMessage): Place {
  const priority = group.number('priority') ?? 0
  const locality = convertLocality(group)
  const localityWeight = group.number('load_balancing_weight')
  return {
    ...(priority === 0 ? {} : { priority }),
    ...(locality === undefined ? {} : { locality }),
    ...(localityWeight === undefined ? {} : { localityWeight }),
  }
}

function convertEndpoint(lbEndpoint: ConfigMessage, hosts: Hosts, place: Place): EndpointConfig | undefined {
  const endpoint = lbEndpoint.message('endpoint')
  if (endpoint === undefined) {
    if (!lbEndpoint.has('endpoint_name')) lbEndpoint.reportMissing('endpoint')
    return undefined
  }
  const address = convertAddress(endpoint, 'address', hosts)
  if (address === undefined) return undefined
  if (address.port === 0 && !address.host.startsWith('unix:'))
    endpoint.error('address', 'the port of an endpoint must be more than 0')
  const metadata = convertEndpointMetadata(lbEndpoint)
  const transportMetadata = convertTransportMetadata(lbEndpoint)
  return {
    address,
    hostname: endpoint.text('hostname'),
    weight: lbEndpoint.number('load_balancing_weight') ?? 1,
    ...convertHealth(lbEndpoint),
    ...convertCheck(endpoint),
    ...place,
    ...(metadata === undefined ? {} : { metadata }),
    ...(transportMetadata === undefined ? {} : { transportMetadata }),
  }
}

function convertHealth(lbEndpoint: ConfigMessage): Pick<EndpointConfig, 'healthy' | 'degraded'> {
  const status = lbEndpoint.enumName('health_status')
  const healthy = IS_HEALTHY[status]
  if (healthy === undefined) lbEndpoint.error('health_status', `${status} is not supported yet`)
  return { healthy: healthy ?? false, ...(status === 'DEGRADED' ? { degraded: true } : {}) }
}

/** What is left unread in it is for kinds of checks that there are not. */
function convertCheck(endpoint: ConfigMessage): Pick<EndpointConfig, 'healthCheck'> {
  const check = endpoint.message('health_check_config')
  const port = check?.number('port_value') ?? 0
  const isDisabled = check?.flag('disable_active_health_check') ?? false
  if (port === 0 && !isDisabled) return {}
  return { healthCheck: { ...(port === 0 ? {} : { port }), ...(isDisabled ? { isDisabled } : {}) } }
}
