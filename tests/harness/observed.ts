/** What a proxy in the test's own process has observed: lines of its access logs, spans in Zipkin's form. */

import { type AccessLogConfig, parseLogFormat, parseLogJson, type TracingConfig } from '@meltemi/api'
import type { Batch, Outlet } from '@meltemi/proxy'

/** A span as Zipkin takes it. */
export interface ZipkinSpan {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly kind: 'SERVER' | 'CLIENT'
  readonly name: string
  readonly timestamp: number
  readonly duration: number
  readonly tags: Readonly<Record<string, string>>
  readonly annotations?: readonly { readonly timestamp: number; readonly value: string }[]
  readonly shared?: boolean
  readonly localEndpoint: { readonly serviceName: string; readonly port?: number }
}

/** To be read when the proxy has stopped, for what it observes leaves it in batches. */
export class Observed implements Outlet {
  readonly #batches: Batch[] = []

  send(batch: Batch): boolean {
    this.#batches.push(batch)
    return true
  }

  get text(): string {
    return this.#textOf('log')
  }

  get lines(): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.text.split('\n').filter((line) => line !== '')
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  get spans(): readonly ZipkinSpan[] {
    return JSON.parse(`[${this.#textOf('spans').slice(0, -1)}]`) as ZipkinSpan[]
  }

  #textOf(kind: Batch['destination']['kind']): string {
    const batches = this.#batches.filter(({ destination }) => destination.kind === kind)
    return Buffer.concat(batches.map(({ bytes }) => bytes)).toString()
  }
}

function refuse(message: string): never {
  throw new Error(message)
}

/** A log whose lines are objects: keys with the operators that they stand for. */
export function jsonLog(
  format: Readonly<Record<string, string>>,
  changes: Partial<AccessLogConfig> = {},
): AccessLogConfig {
  const root = parseLogJson(format, refuse)
  return {
    sink: { kind: 'stdout' },
    format: { kind: 'json', root },
    omitEmptyValues: false,
    filter: undefined,
    asConfigured: {},
    ...changes,
  }
}

export function textLog(format: string, changes: Partial<AccessLogConfig> = {}): AccessLogConfig {
  return jsonLog({}, { format: { kind: 'text', pieces: parseLogFormat(format, refuse) }, ...changes })
}

/** Everything is traced, for Zipkin. */
export function zipkinTracing(changes: Partial<TracingConfig> = {}): TracingConfig {
  return {
    clientSampling: 100,
    randomSampling: 10_000,
    overallSampling: 10_000,
    verbose: false,
    maxTagLength: 256,
    propagation: ['b3multi'],
    provider: {
      kind: 'zipkin',
      cluster: 'collector',
      timeoutMs: 5000,
      path: '/api/v2/spans',
      host: 'collector',
      traceId128bit: true,
      sharedSpanContext: true,
    },
    asConfigured: {},
    ...changes,
  }
}
