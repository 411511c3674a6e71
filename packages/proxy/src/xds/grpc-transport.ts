import { DISCOVERY_METHODS } from '@meltemi/api/xds'
import { createGrpcClient, type GrpcClient, type GrpcStatus } from '@meltemi/runtime/grpc'
import type { XdsResponse, XdsService, XdsStream, XdsStreamListener, XdsTransport } from './transport.ts'

/** Streams over gRPC without TLS. A connection ends with the stream that it was made for. */
export const grpcTransport: XdsTransport = (address, service, listener) => {
  const client = createGrpcClient({ address })
  return openStream(client, service, {
    onMessage: (message) => listener.onMessage(message),
    onClose: (reason) => {
      client.close()
      listener.onClose(reason)
    },
  })
}

function openStream(client: GrpcClient, { type, delta }: XdsService, listener: XdsStreamListener): XdsStream {
  const methods = DISCOVERY_METHODS[type]
  const events = {
    onMessage: (message: XdsResponse) => listener.onMessage(message),
    onClose: (status: GrpcStatus) => listener.onClose(describe(status)),
  }
  const stream = delta ? client.open(methods.delta, events) : client.open(methods.sotw, events)
  return { write: (request) => void stream.write(request as never), cancel: () => stream.cancel() }
}

function describe({ code, message }: GrpcStatus): string {
  return message === '' ? `the stream ended with code ${code}` : message
}
