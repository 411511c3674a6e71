import { DISCOVERY_METHODS, type DiscoveryResponse, RESOURCE_TYPES } from '@meltemi/api/xds'
import { createGrpcClient } from '@meltemi/runtime/grpc'

/** A proxy that asks Istio for clusters and listeners, and says that it has what comes. */
export function askIstio(port: number, node: object): Disposable {
  const client = createGrpcClient({ address: `127.0.0.1:${port}` })
  const stream = client.open(DISCOVERY_METHODS.ads.sotw, {
    onMessage: ({ typeUrl, versionInfo, nonce: responseNonce }: DiscoveryResponse) =>
      void stream.write({ typeUrl, versionInfo, responseNonce }),
    onClose: () => {},
  })
  for (const type of ['cluster', 'listener'] as const) stream.write({ node, typeUrl: RESOURCE_TYPES[type] })
  return { [Symbol.dispose]: () => client.close() }
}
