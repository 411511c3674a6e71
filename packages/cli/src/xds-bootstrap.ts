/** The bootstrap of a proxy that has everything from a control plane. */

import { isIP } from 'node:net'
import type { SocketAddress } from '@meltemi/api'

export interface XdsBootstrapOptions {
  /** The control plane's. */
  readonly address: SocketAddress
  readonly nodeId: string
  readonly nodeCluster: string
  readonly metadata: Readonly<Record<string, unknown>>
}

const CLUSTER = 'xds'

/** As JSON: incremental ADS for listeners, clusters and all that belongs to them. */
export function xdsBootstrap({ address, nodeId, nodeCluster, metadata }: XdsBootstrapOptions): string {
  const source = { ads: {}, resource_api_version: 'V3' }
  const grpc_services = [{ envoy_grpc: { cluster_name: CLUSTER } }]
  return JSON.stringify({
    node: { id: nodeId, cluster: nodeCluster, metadata },
    dynamic_resources: {
      ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services },
      lds_config: source,
      cds_config: source,
    },
    static_resources: { clusters: [clusterAt(address)] },
  })
}

function clusterAt({ host, port }: SocketAddress): object {
  const address = { socket_address: { address: host, port_value: port } }
  return {
    name: CLUSTER,
    type: isIP(host) === 0 ? 'STRICT_DNS' : 'STATIC',
    http2_protocol_options: {},
    load_assignment: { cluster_name: CLUSTER, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  }
}
