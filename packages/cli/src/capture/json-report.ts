import type { MessageId } from '@meltemi/sdk'
import type { CaptureEvent, Note } from './capture-event.ts'
import type { ConnectionName, Exchange } from './exchange.ts'
import { MESSAGE_TYPE_NAMES, type MessageFacts } from './message-facts.ts'
import { formatTime, milliseconds } from './plain-text.ts'
import type { ReportFormat } from './report.ts'
import type { Summary } from './summary.ts'

/** One JSON object a line; docs/inspect.md says what is in them. */
export const jsonReport: ReportFormat = {
  event: (event: CaptureEvent) => line(event.kind === 'note' ? noteJson(event) : exchangeJson(event)),
  summary: (summary: Summary) => line(summaryJson(summary)),
}

/** One message; what has its usual value is left out. */
export function messageJson(message: MessageFacts): object {
  const { bytes } = message
  return {
    side: message.side,
    type: MESSAGE_TYPE_NAMES[message.type] ?? String(message.type),
    packet: message.arrival.packet === 0 ? null : message.arrival.packet,
    time: timeJson(message.arrival.timeNs),
    offset: message.offset,
    size: message.size,
    id: idJson(message.requestId),
    ...(message.streamId === 0 ? {} : { stream_id: message.streamId }),
    status: message.isError ? 'error' : 'ok',
    operation: message.operation,
    properties: Object.fromEntries(message.properties),
    ...(message.dialect === undefined ? {} : { dialect: message.dialect }),
    header_size: message.headerSize,
    body_size: message.bodySize,
    ...(message.timeoutMs === 0 ? {} : { timeout_ms: message.timeoutMs }),
    ...(message.isLast ? {} : { last: false }),
    ...(message.lost === 0 ? {} : { lost: message.lost }),
    ...(bytes === undefined ? {} : { bytes: bytes.toString('hex') }),
  }
}

function exchangeJson(exchange: Exchange): object {
  const { latencyNs } = exchange
  return {
    kind: exchange.kind,
    outcome: exchange.outcome,
    ...(exchange.reason === '' ? {} : { reason: exchange.reason }),
    ...(exchange.isUncertain ? { uncertain: true } : {}),
    ...connectionJson(exchange.connection),
    time: timeJson(exchange.first.arrival.timeNs),
    latency_ms: latencyNs === undefined ? null : milliseconds(latencyNs),
    requests: exchange.requests,
    request_bytes: exchange.requestBytes,
    replies: exchange.replies,
    reply_bytes: exchange.replyBytes,
    messages: exchange.messages.map(messageJson),
    ...(exchange.leftOut === 0 ? {} : { messages_left_out: exchange.leftOut }),
  }
}

function noteJson(note: Note): object {
  return {
    kind: 'note',
    code: note.code,
    ...connectionJson(note.connection),
    time: timeJson(note.timeNs),
    side: note.side ?? null,
    offset: note.offset ?? null,
    text: note.text,
  }
}

function summaryJson(summary: Summary): object {
  return {
    kind: 'summary',
    packets: summary.packets,
    packets_left_out: Object.fromEntries(summary.leftOut),
    connections: summary.connections,
    connections_given_up: summary.givenUp,
    messages: summary.messages,
    exchanges: summary.exchanges,
    failed: summary.failed,
    unanswered: summary.unanswered,
    unasked: summary.unasked,
    oneways: summary.oneways,
    heartbeats: summary.heartbeats,
    streams: summary.streams,
    refused: summary.refused,
    notes: summary.notes,
    lost_bytes: summary.lostBytes,
  }
}

function connectionJson({ number, client, server }: ConnectionName): object {
  return { connection: number, client, server }
}

function timeJson(timeNs: bigint | undefined): string | null {
  const text = formatTime(timeNs)
  return text === '-' ? null : text
}

/** A number, or digits where a number would not be exact. */
function idJson(id: MessageId | undefined): number | string | null {
  return typeof id === 'bigint' ? id.toString() : (id ?? null)
}

function line(object: object): string {
  return `${JSON.stringify(object)}\n`
}
