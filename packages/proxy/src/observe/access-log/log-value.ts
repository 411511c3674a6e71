import type { LogOperation } from '@meltemi/api/model'
import { MessageType, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { formatAddress } from '../../util/format-address.ts'
import { detailOf } from '../failure-table.ts'
import { type ExchangeRecord, hasStreamFailed } from '../record.ts'
import { longResponseFlags, responseFlags } from '../response-flags.ts'
import { TLS_DNS_SANS, TLS_FINGERPRINT, TLS_SNI, TLS_SUBJECT, TLS_URI_SANS, TLS_VERSION } from '../tls-properties.ts'
import { compileTime } from './time-format.ts'

/** What an operator says of an exchange; null: nothing is known. */
export type LogValue = (record: ExchangeRecord) => string | number | null

/** What is the same for all exchanges of a listener. */
export interface LogContext {
  readonly applicationProtocol: string
  readonly hostname: string
  /** BYTES_RECEIVED and BYTES_SENT have changed places, as in the reference. */
  readonly referenceByteCounters: boolean
  /** Milliseconds since 1970 of a time of the thread's clock. */
  wallTime(nowMs: number): number
}

/** As Envoy says it of the same event. */
const CLIENT_LEFT = 'downstream_remote_disconnect'
const LOG_TYPE = 'DownstreamEnd'

const nothing: LogValue = () => null

function connectionProperty(key: string): LogValue {
  return ({ connection }) => connection.properties.get(key) ?? null
}

/** Makes the function that an operator of a format stands for. */
export function compileValue(operation: LogOperation, context: LogContext): LogValue {
  const value = compileOperator(operation, context)
  const { maxLength } = operation
  if (maxLength === 0) return value
  return (record) => {
    const whole = value(record)
    return typeof whole === 'string' ? whole.slice(0, maxLength) : whole
  }
}

function compileOperator(operation: LogOperation, context: LogContext): LogValue {
  const { keys } = operation
  switch (operation.operator) {
    case 'ACCESS_LOG_TYPE':
      return () => LOG_TYPE
    case 'BYTES_RECEIVED':
      return context.referenceByteCounters ? bytesSent : bytesReceived
    case 'BYTES_SENT':
      return context.referenceByteCounters ? bytesReceived : bytesSent
    case 'DOWNSTREAM_DIRECT_REMOTE_ADDRESS':
      return ({ connection }) => formatAddress(connection.directRemoteAddress, connection.directRemotePort)
    case 'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT':
      return ({ connection }) => connection.directRemoteAddress
    case 'DOWNSTREAM_LOCAL_ADDRESS':
      return ({ connection }) => formatAddress(connection.localAddress, connection.localPort)
    case 'DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT':
      return ({ connection }) => connection.localAddress
    case 'DOWNSTREAM_LOCAL_PORT':
      return ({ connection }) => connection.localPort
    case 'DOWNSTREAM_PEER_DNS_SAN':
      return connectionProperty(TLS_DNS_SANS)
    case 'DOWNSTREAM_PEER_FINGERPRINT_256':
      return connectionProperty(TLS_FINGERPRINT)
    case 'DOWNSTREAM_PEER_SUBJECT':
      return connectionProperty(TLS_SUBJECT)
    case 'DOWNSTREAM_PEER_URI_SAN':
      return connectionProperty(TLS_URI_SANS)
    case 'DOWNSTREAM_REMOTE_ADDRESS':
      return ({ connection }) => formatAddress(connection.remoteAddress, connection.remotePort)
    case 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT':
      return ({ connection }) => connection.remoteAddress
    case 'DOWNSTREAM_REMOTE_PORT':
      return ({ connection }) => connection.remotePort
    case 'DOWNSTREAM_TLS_VERSION':
      return connectionProperty(TLS_VERSION)
    case 'DURATION':
      return ({ startedMs, endedMs }) => Math.floor(endedMs - startedMs)
    case 'EMIT_TIME':
      return timeOf(operation, context, ({ endedMs }) => endedMs)
    case 'HOSTNAME':
      return () => context.hostname
    case 'PROTOCOL':
      return () => context.applicationProtocol
    case 'REQ':
      return ({ request }) => property(request, keys)
    case 'RESP':
      // what the service has said is not what the client was told when the proxy had to answer
      return ({ reply, failure }) => (reply === null || failure !== null ? null : property(reply, keys))
    case 'RESPONSE_CODE':
      return ({ failure, isClientGone }) => (failure === null && !isClientGone ? 0 : 1)
    case 'RESPONSE_CODE_DETAILS':
      return ({ failure, isClientGone }) => (failure === null ? (isClientGone ? CLIENT_LEFT : '') : detailOf(failure))
    case 'RESPONSE_DURATION':
      return ({ startedMs, repliedMs }) => (repliedMs === 0 ? null : Math.floor(repliedMs - startedMs))
    case 'RESPONSE_FLAGS':
      return (record) => responseFlags(record) || null
    case 'RESPONSE_FLAGS_LONG':
      return (record) => longResponseFlags(responseFlags(record)) || null
    case 'RESPONSE_STATUS':
      return responseStatus
    case 'ROUTE_NAME':
      return ({ routeName }) => routeName || null
    case 'START_TIME':
      return timeOf(operation, context, ({ startedMs }) => startedMs)
    case 'TRACE_ID':
      return ({ traceId }) => traceId || null
    case 'UPSTREAM_CLUSTER':
    case 'UPSTREAM_CLUSTER_RAW':
      return ({ cluster }) => cluster || null
    case 'UPSTREAM_HOST':
      return ({ upstreamAddress }) => upstreamAddress || null
    case 'UPSTREAM_LOCAL_ADDRESS':
      return ({ upstreamLocalAddress }) => upstreamLocalAddress || null
    case 'UPSTREAM_REQUEST_ATTEMPT_COUNT':
      return ({ attempts }) => attempts
    case 'REQUESTED_SERVER_NAME':
      return connectionProperty(TLS_SNI)
    case 'CONNECTION_TERMINATION_DETAILS':
    case 'UPSTREAM_TRANSPORT_FAILURE_REASON':
      return nothing
    default:
      return operation.operator satisfies never
  }
}

const bytesReceived: LogValue = (record) => record.bytesReceived
const bytesSent: LogValue = (record) => record.bytesSent

function timeOf(
  { timeFormat }: LogOperation,
  { wallTime }: LogContext,
  of: (record: ExchangeRecord) => number,
): LogValue {
  const format = compileTime(timeFormat)
  return (record) => format(wallTime(of(record)))
}

function property(message: Metadata, keys: readonly string[]): string | null {
  for (let at = 0; at < keys.length; at++) {
    const value = message.find(keys[at] as string)
    if (value !== undefined) return value
  }
  return null
}

/** Of our own: what the service said, or that it was not the service. */
function responseStatus(record: ExchangeRecord): string {
  const { request, reply, failure, isComplete } = record
  if (failure !== null) return 'local'
  if (reply === null) {
    if (hasStreamFailed(record)) return 'error'
    return isComplete && request.type === MessageType.StreamInit ? 'ok' : 'none'
  }
  return reply.status === ResponseStatus.Ok ? 'ok' : 'error'
}
