/** Of a proxy whose listeners, clusters and endpoints come from Istio, and routes of our filters from Meltemi. */

import { istioNode } from './istio-resources.ts'

export interface IstioBootstrap {
  readonly istioPort: number
  readonly meltemiPort: number
  /** Incremental instead of state of the world. */
  readonly delta: boolean
}

export function istioBootstrap({ istioPort, meltemiPort, delta }: IstioBootstrap): object {
  const cluster = (name: string, port: number) => {
    const address = { socket_address: { address: '127.0.0.1', port_value: port } }
    const endpoints = [{ lb_endpoints: [{ endpoint: { address } }] }]
    return { name, http2_protocol_options: {}, load_assignment: { cluster_name: name, endpoints } }
  }
  const socket = { pipe: { path: '/var/run/secrets/workload-spiffe-uds/socket' } }
  const agent = { cluster_name: 'sds-grpc', endpoints: [{ lb_endpoints: [{ endpoint: { address: socket } }] }] }
  const source = { ads: {}, resource_api_version: 'V3' }
  const grpc_services = [{ envoy_grpc: { cluster_name: 'xds-grpc' } }]
  return {
    node: istioNode(delta ? 'delta' : 'whole', 'NONE'),
    dynamic_resources: {
      ads_config: { api_type: delta ? 'DELTA_GRPC' : 'GRPC', transport_api_version: 'V3', grpc_services },
      lds_config: source,
      cds_config: source,
    },
    static_resources: {
      clusters: [
        cluster('xds-grpc', istioPort),
        cluster('aeraki-xds', meltemiPort),
        { name: 'sds-grpc', http2_protocol_options: {}, load_assignment: agent },
      ],
    },
  }
}
