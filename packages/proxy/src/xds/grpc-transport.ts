import { DISCOVERY_METHODS } from '@meltemi/api/xds'
import type { ClientTlsOptions } from '@meltemi/runtime'
import { createGrpcClient, type GrpcClient, type GrpcStatus } from '@meltemi/runtime/grpc'
import type { XdsResponse, XdsService, XdsStream, XdsStreamListener, XdsTransport } from './transport.ts'

/** How a cluster is called; undefined: plain. Throws where its secrets are not here. */
export type TlsOf = (cluster: string) => ClientTlsOptions | undefined

/** Streams over gRPC. A connection ends with the stream that it was made for: the next one has the certificates of then. */
export function grpcTransport(tlsOf: TlsOf): XdsTransport {
  return (address, service, listener, cluster) => {
    try {
      const tls = tlsOf(cluster)
      return openStream(createGrpcClient({ address, ...(tls === undefined ? {} : { tls }) }), service, listener)
    } catch (error: unknown) {
      return failedStream(listener, error instanceof Error ? error.message : String(error))
    }
  }
}

function openStream(client: GrpcClient, { type, delta }: XdsService, listener: XdsStreamListener): XdsStream {
  const methods = DISCOVERY_METHODS[type]
  const events = {
    onMessage: (message: XdsResponse) => listener.onMessage(message),
    onClose: (status: GrpcStatus) => {
      client.close()
      listener.onClose(describe(status))
    },
  }
  const stream = delta ? client.open(methods.delta, events) : client.open(methods.sotw, events)
  return { write: (request) => void stream.write(request as never), cancel: () => stream.cancel() }
}

function failedStream(listener: XdsStreamListener, reason: string): XdsStream {
  queueMicrotask(() => listener.onClose(reason))
  return { write() {}, cancel() {} }
}

function describe({ code, message }: GrpcStatus): string {
  return message === '' ? `the stream ended with code ${code}` : message
}
