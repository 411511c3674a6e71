import type { LbMetadata } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

const NAMESPACE = 'envoy.lb'
const TRANSPORT_NAMESPACE = 'envoy.transport_socket_match'

/** Of an endpoint: what it says under `envoy.lb`. Other names are notes of others, and mean nothing here. */
export function convertEndpointMetadata(lbEndpoint: ConfigMessage): LbMetadata | undefined {
  return nonEmpty(lbEndpoint.message('metadata')?.jsons('filter_metadata').get(NAMESPACE))
}

/** What `transport_socket_matches` go by. */
export function convertTransportMetadata(lbEndpoint: ConfigMessage): Readonly<Record<string, unknown>> | undefined {
  return nonEmpty(lbEndpoint.message('metadata')?.jsons('filter_metadata').get(TRANSPORT_NAMESPACE))
}

/** Field `metadata_match` of a route, a tcp_proxy or one of its weighted clusters; only `envoy.lb` can be asked for. */
export function convertMetadataMatch(owner: ConfigMessage): LbMetadata | undefined {
  const match = owner.message('metadata_match')
  const wanted = match?.jsons('filter_metadata') ?? new Map<string, unknown>()
  for (const name of wanted.keys()) {
    if (name !== NAMESPACE) match?.error('filter_metadata', `only ${NAMESPACE} can be matched, not ${name}`)
  }
  return nonEmpty(wanted.get(NAMESPACE))
}

function nonEmpty(json: unknown): LbMetadata | undefined {
  const metadata = json as LbMetadata | undefined
  return metadata === undefined || Object.keys(metadata).length === 0 ? undefined : metadata
}
