/** Spans as Zipkin's HTTP API takes them (JSON v2), each with a comma behind it: who sends them makes a list of it. */
import type { BatchWriter } from '../export/batch-writer.ts'
import type { Span, SpanEncoder } from './span.ts'

const KINDS = { server: 'SERVER', client: 'CLIENT' } as const
const MICROSECONDS = 1000

export class ZipkinEncoder implements SpanEncoder {
  readonly #serviceName: string

  constructor(serviceName: string) {
    this.#serviceName = JSON.stringify(serviceName)
  }

  write(span: Span, writer: BatchWriter): void {
    const { localAddress, localPort, remoteAddress, remotePort } = span
    const start = microseconds(span.startMs)
    // a span of no length would count as one that has not ended
    const duration = Math.max(1, microseconds(span.endMs) - start)
    let json = `{"traceId":"${span.traceId}","id":"${span.spanId}"`
    if (span.parentSpanId !== '') json += `,"parentId":"${span.parentSpanId}"`
    json += `,"kind":"${KINDS[span.kind]}","name":${JSON.stringify(span.name)},"timestamp":${start},"duration":${duration}`
    json += `,"localEndpoint":{"serviceName":${this.#serviceName}${addressOf(localAddress, localPort)}}`
    if (remoteAddress !== '') json += `,"remoteEndpoint":{${addressOf(remoteAddress, remotePort).slice(1)}}`
    if (span.events.length > 0) json += `,"annotations":[${annotations(span.events)}]`
    json += `,"tags":{${tags(span.tags)}}`
    if (span.isShared) json += ',"shared":true'
    if (span.isDebug) json += ',"debug":true'
    writer.addText(`${json}},`)
  }
}

function microseconds(ms: number): number {
  return Math.round(ms * MICROSECONDS)
}

/** Behind another member. */
function addressOf(address: string, port: number): string {
  if (address === '') return ''
  const key = address.includes(':') ? 'ipv6' : 'ipv4'
  return `,"${key}":${JSON.stringify(address)},"port":${port}`
}

function annotations(events: readonly (string | number)[]): string {
  let json = ''
  for (let at = 0; at < events.length; at += 2) {
    const time = microseconds(events[at + 1] as number)
    json += `${at === 0 ? '' : ','}{"timestamp":${time},"value":${JSON.stringify(events[at])}}`
  }
  return json
}

/** A key that comes twice would be no JSON for some: the last one counts. */
function tags(pairs: readonly string[]): string {
  const values = new Map<string, string>()
  for (let at = 0; at < pairs.length; at += 2) values.set(pairs[at] as string, pairs[at + 1] as string)
  let json = ''
  for (const [key, value] of values) {
    json += `${json === '' ? '' : ','}${JSON.stringify(key)}:${JSON.stringify(value)}`
  }
  return json
}
