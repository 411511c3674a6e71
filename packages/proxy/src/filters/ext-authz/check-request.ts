import type { CheckRequestInit } from '@meltemi/api/ext-authz'
import type { ExtAuthzConfig } from '@meltemi/api/model'
import type { ConnectionInfo, Metadata } from '@meltemi/sdk'
import { TLS_PRINCIPAL, TLS_SNI } from '../../net/tls-properties.ts'
import { printId } from '../../observe/failure-table.ts'

/** Of all properties of a request, in characters; as many bytes of headers as Envoy takes. */
const MAX_PROPERTIES_LENGTH = 60 * 1024

interface Asked {
  readonly request: Metadata
  readonly connection: ConnectionInfo
}

/**
 * What the service is told of a request: that of an HTTP request whose headers are its properties, so that services that
 * were written for Envoy can decide. null: its properties are more than anybody is told.
 */
export function checkRequest(
  { request, connection }: Asked,
  { contextExtensions, includeTlsSession }: ExtAuthzConfig,
  applicationProtocol: string,
  timeMs: number,
): CheckRequestInit | null {
  const headers = headersOf(request)
  if (headers === null) return null
  const http = {
    id: printId(request.requestId),
    method: request.operation,
    path: `/${request.operation}`,
    protocol: applicationProtocol,
    size: BigInt(request.headerSize + request.bodySize),
    headers,
  }
  const { properties } = connection
  return {
    attributes: {
      source: {
        ...peer(connection.remoteAddress, connection.remotePort),
        principal: properties.get(TLS_PRINCIPAL) ?? '',
      },
      destination: peer(connection.localAddress, connection.localPort),
      request: { time: timestamp(timeMs), http },
      contextExtensions,
      ...(includeTlsSession ? { tlsSession: { sni: properties.get(TLS_SNI) ?? '' } } : {}),
    },
  }
}

/** By lower case names: of those that differ by case alone the last one counts, as for routes. */
function headersOf(request: Metadata): Record<string, string> | null {
  const headers: Record<string, string> = Object.create(null)
  let length = 0
  for (let at = 0; at < request.size; at++) {
    const [key, value] = [request.key(at).toLowerCase(), request.value(at)]
    length += key.length + value.length
    if (length > MAX_PROPERTIES_LENGTH) return null
    headers[key] = value
  }
  return headers
}

function peer(address: string, port: number) {
  const portSpecifier = { case: 'portValue' as const, value: port }
  return { address: { address: { case: 'socketAddress' as const, value: { address, portSpecifier } } } }
}

function timestamp(ms: number) {
  const whole = Math.floor(ms)
  return { seconds: BigInt(Math.floor(whole / 1_000)), nanos: (whole % 1_000) * 1_000_000 }
}
