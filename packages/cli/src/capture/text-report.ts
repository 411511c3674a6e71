import type { CaptureEvent, Note } from './capture-event.ts'
import type { Exchange } from './exchange.ts'
import { MESSAGE_TYPE_NAMES, type MessageFacts } from './message-facts.ts'
import { formatTime, hexDump, milliseconds, plainLine, quoteText } from './plain-text.ts'
import type { ReportFormat } from './report.ts'
import type { Summary } from './summary.ts'

/** One line for an exchange; below it the frames of a stream, and the bytes that were asked for. */
export const textReport: ReportFormat = {
  event: (event: CaptureEvent) => (event.kind === 'note' ? noteText(event) : exchangeText(event)),
  summary: summaryText,
}

/** `key=value` of each property. */
export function propertiesText(properties: ReadonlyMap<string, string>): string[] {
  return [...properties].map(([key, value]) => `${quoteText(key)}=${quoteText(value)}`)
}

function exchangeText(exchange: Exchange): string {
  const { connection, first } = exchange
  const head = [
    formatTime(first.arrival.timeNs),
    `#${connection.number}`,
    `${connection.client} > ${connection.server}`,
  ]
  const words = [
    ...(exchange.kind === 'exchange' || exchange.kind === 'stream' ? [] : [exchange.kind]),
    ...identityText(first),
    ...propertiesText(first.properties),
    ...replyProperties(exchange),
  ]
  const parts = [head.join(' '), words.join(' '), sizesText(exchange), ...outcomeText(exchange)]
  return [parts.filter((part) => part !== '').join('  '), ...detailLines(exchange)].join('\n').concat('\n')
}

function identityText({ requestId, streamId, operation }: MessageFacts): string[] {
  return [
    ...(streamId === 0 ? [] : [`stream ${streamId}`]),
    ...(streamId !== 0 || requestId === undefined ? [] : [`id ${requestId}`]),
    ...(operation === '' ? [] : [quoteText(operation)]),
  ]
}

/** What the first reply says that its request has not said already. */
function replyProperties({ first, messages }: Exchange): string[] {
  const reply = messages.find(({ side }) => side === 'reply')
  if (reply === undefined || reply === first || first.streamId !== 0) return []
  const news = [...reply.properties].filter(([key, value]) => first.properties.get(key) !== value)
  return news.length === 0 ? [] : ['>', ...propertiesText(new Map(news))]
}

function sizesText({ kind, requests, requestBytes, replies, replyBytes }: Exchange): string {
  if (kind === 'stream') return `${requests} of ${requestBytes} > ${replies} of ${replyBytes} bytes`
  const times = replies > 1 ? ` in ${replies} replies` : ''
  return `${requests === 0 ? '-' : requestBytes} > ${replies === 0 ? '-' : replyBytes} bytes${times}`
}

function outcomeText(exchange: Exchange): string[] {
  const { outcome, isError, reason, latencyNs, messages } = exchange
  const lost = messages.reduce((sum, message) => sum + message.lost, 0)
  const isPlain = outcome === 'answered' || outcome === 'sent'
  return [
    ...(isPlain ? [] : [reason === '' ? outcome : `${outcome}: ${reason}`]),
    ...(outcome === 'unanswered' || (outcome === 'sent' && !isError) ? [] : [isError ? 'error' : 'ok']),
    ...(latencyNs === undefined ? [] : [`${milliseconds(latencyNs).toFixed(3)} ms`]),
    ...(lost === 0 ? [] : [`${lost} bytes lost`]),
    ...(exchange.isUncertain ? ['uncertain'] : []),
  ]
}

function detailLines({ kind, messages, leftOut }: Exchange): string[] {
  const lines = messages.flatMap((message) => [
    ...(kind === 'stream' || message.bytes !== undefined ? [`    ${messageLine(message)}`] : []),
    ...hexDump(message.bytes ?? Buffer.alloc(0)).map((row) => `      ${row}`),
  ])
  return leftOut === 0 ? lines : [...lines, `    … ${leftOut} more`]
}

function messageLine({ side, type, arrival, offset, size, bytes, isError }: MessageFacts): string {
  const shown = bytes === undefined || bytes.length === size ? '' : `, the first ${bytes.length} shown`
  const arrow = side === 'request' ? '>' : '<'
  const error = isError ? ' error' : ''
  const name = MESSAGE_TYPE_NAMES[type] ?? type
  return `${arrow} ${name}${error} packet ${arrival.packet}, offset ${offset}, ${size} bytes${shown}`
}

function noteText({ connection, side, offset, timeNs, code, text }: Note): string {
  const place = side === undefined ? '' : ` ${side} bytes from ${offset}:`
  const where = `#${connection.number} ${connection.client} > ${connection.server}`
  return plainLine(`${formatTime(timeNs)} ${where}  ! ${code}:${place} ${text}`).concat('\n')
}

function summaryText(summary: Summary): string {
  const { leftOut } = summary
  const reasons = [...leftOut].map(([reason, packets]) => `${packets} ${reason}`).join(', ')
  return [
    '',
    `${count(summary.packets, 'packet')}${reasons === '' ? '' : `, left out: ${reasons}`}`,
    `${count(summary.connections, 'connection')}, ${summary.givenUp} given up, ${summary.lostBytes} bytes lost`,
    `${count(summary.exchanges, 'exchange')}, ${summary.failed} with an error, ${summary.unanswered} unanswered`,
    `${count(summary.unasked, 'reply', 'replies')} without a request, ${summary.oneways} one-way, ${count(summary.heartbeats, 'heartbeat')}, ${count(summary.streams, 'stream')}`,
    `${count(summary.refused, 'direction')} refused by the codec`,
  ]
    .join('\n')
    .concat('\n')
}

function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`
}
