/** Starts the collector that is made of OpenTelemetry's own receiver. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../harness/index.ts'
import type { CollectedSpan, Collector } from './collected-span.ts'

const PROGRAM = fileURLToPath(new URL('./gen/peer', import.meta.url))
const WAIT_MS = 20_000
const TYPE = 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig'
const KINDS: Readonly<Record<number, CollectedSpan['kind']>> = { 2: 'SERVER', 3: 'CLIENT' }
const ERROR = 2

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string }
}

interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes?: readonly Attribute[]
  readonly status?: { readonly code?: number; readonly message?: string }
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes?: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

export async function startOtelCollector(over: 'grpc' | 'http'): Promise<Collector> {
  if (!existsSync(PROGRAM)) throw new Error('run scripts/setup-interop.sh otel_collector first')
  const [grpc, http] = [await freePort(), await freePort()]
  const child = spawn(PROGRAM, ['-grpc', String(grpc), '-http', String(http)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const collector = new OtelCollector(child, over, { grpc, http })
  await collector.ready()
  return collector
}

class OtelCollector implements Collector {
  readonly kind = 'otlp'
  readonly port: number
  readonly url: string
  readonly tracer: object
  readonly #child: ChildProcess
  readonly #spans: CollectedSpan[] = []
  readonly #ready = Promise.withResolvers<void>()

  constructor(child: ChildProcess, over: 'grpc' | 'http', ports: { readonly grpc: number; readonly http: number }) {
    const grpc_service = { envoy_grpc: { cluster_name: 'collector' }, timeout: '2s' }
    const http_uri = { uri: 'http://collector/v1/traces', cluster: 'collector', timeout: '2s' }
    this.#child = child
    this.port = ports[over]
    this.url = `http://127.0.0.1:${ports.http}/v1/traces`
    this.tracer = { '@type': TYPE, ...(over === 'grpc' ? { grpc_service } : { http_service: { http_uri } }) }
    if (child.stdout !== null) createInterface(child.stdout).on('line', (line) => this.#take(line))
    child.once('exit', () => this.#ready.reject(new Error('the collector ended')))
  }

  ready(): Promise<void> {
    return this.#ready.promise
  }

  async trace(traceId: string, count: number): Promise<readonly CollectedSpan[]> {
    const endMs = performance.now() + WAIT_MS
    for (;;) {
      const spans = this.#spans.filter((span) => span.traceId === traceId)
      if (spans.length >= count) return spans
      if (performance.now() > endMs)
        throw new Error(`${spans.length} of ${count} spans: ${JSON.stringify(this.#spans)}`)
      await sleep(20)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }

  #take(line: string): void {
    if (line === 'ready') {
      this.#ready.resolve()
      return
    }
    for (const { resource, scopeSpans } of (JSON.parse(line) as OtlpTraces).resourceSpans) {
      const service = tagsOf(resource.attributes)['service.name'] ?? ''
      for (const { spans } of scopeSpans) this.#spans.push(...spans.map((span) => collected(service, span)))
    }
  }
}

function collected(service: string, span: OtlpSpan): CollectedSpan {
  return {
    service,
    name: span.name,
    traceId: span.traceId,
    id: span.spanId,
    parentId: span.parentSpanId ?? '',
    kind: KINDS[span.kind] ?? 'CLIENT',
    isError: span.status?.code === ERROR,
    tags: tagsOf(span.attributes),
    startUs: Number(BigInt(span.startTimeUnixNano) / 1000n),
    endUs: Number(BigInt(span.endTimeUnixNano) / 1000n),
  }
}

function tagsOf(attributes: readonly Attribute[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? '']))
}
