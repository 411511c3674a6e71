/** Istio's VirtualService, as far as Aeraki writes it: a gateway listens at a port, and sends what comes to one service. */

import { MANAGER_LABELS } from './envoy-filter.ts'
import { type GatewayPort, virtualServiceName } from './filter-names.ts'

export interface VirtualService {
  readonly apiVersion: 'networking.istio.io/v1alpha3'
  readonly kind: 'VirtualService'
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly spec: {
    readonly hosts: readonly string[]
    /** `namespace/name` of each. */
    readonly gateways: readonly string[]
    readonly tcp: readonly {
      readonly match: readonly { readonly port: number }[]
      readonly route: readonly { readonly destination: Destination }[]
    }[]
  }
}

interface Destination {
  readonly host: string
  readonly port: { readonly number: number }
}

/** The service has the same port. Throws where no object can have the name. */
export function virtualServiceOf(at: GatewayPort, host: string): VirtualService {
  const { name, namespace, port } = at
  const destination = { host, port: { number: port } }
  return {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'VirtualService',
    metadata: { name: virtualServiceName(at), namespace, labels: MANAGER_LABELS },
    spec: {
      hosts: [host],
      gateways: [`${namespace}/${name}`],
      tcp: [{ match: [{ port }], route: [{ destination }] }],
    },
  }
}
