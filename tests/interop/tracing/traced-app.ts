/** A client or service as it would be in a mesh: its own spans are made by OpenTelemetry's library. */

import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type TextMapPropagator,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin'
import { B3Propagator } from '@opentelemetry/propagator-b3'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Collector } from './collected-span.ts'

type Pairs = Readonly<Record<string, string>>

export class TracedApp implements AsyncDisposable {
  readonly #provider: BasicTracerProvider
  readonly #tracer: Tracer
  readonly #propagator: TextMapPropagator

  constructor(service: string, collector: Pick<Collector, 'kind' | 'url'>) {
    const exporter =
      collector.kind === 'zipkin'
        ? new ZipkinExporter({ url: collector.url, serviceName: service })
        : new OTLPTraceExporter({ url: collector.url })
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': service }),
      spanProcessors: [new BatchSpanProcessor(exporter)],
    })
    this.#tracer = this.#provider.getTracer('test')
    this.#propagator = collector.kind === 'zipkin' ? new B3Propagator() : new W3CTraceContextPropagator()
  }

  /** Begins a span, with the context that whoever is asked gets. */
  ask(name: string): { readonly span: Span; readonly pairs: Pairs } {
    const span = this.#tracer.startSpan(name, { kind: SpanKind.CLIENT }, ROOT_CONTEXT)
    const pairs: Record<string, string> = {}
    this.#propagator.inject(trace.setSpan(ROOT_CONTEXT, span), pairs, defaultTextMapSetter)
    return { span, pairs }
  }

  /** Begins a span as the child of who has asked with this context. */
  answer(name: string, pairs: Pairs): Span {
    const parent: Context = this.#propagator.extract(ROOT_CONTEXT, pairs, defaultTextMapGetter)
    return this.#tracer.startSpan(name, { kind: SpanKind.SERVER }, parent)
  }

  /** Its spans are with the collector. */
  flush(): Promise<void> {
    return this.#provider.forceFlush()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#provider.shutdown()
  }
}
