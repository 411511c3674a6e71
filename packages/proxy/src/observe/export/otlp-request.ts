import { ProtoWriter } from '../../util/proto-writer.ts'
import { writeAttribute } from '../tracing/otlp-encoder.ts'

const REQUEST = { resourceSpans: 1 } as const
const RESOURCE_SPANS = { resource: 1, scopeSpans: 2 } as const
const RESOURCE = { attributes: 1 } as const
const SCOPE_SPANS = { scope: 1 } as const
const SCOPE = { name: 1 } as const
const SCOPE_NAME = 'meltemi'

/** An ExportTraceServiceRequest of spans as `OtlpEncoder` writes them. */
export function otlpRequest(serviceName: string, spans: readonly Uint8Array[]): Uint8Array {
  const scopeSpans = Buffer.concat([scopeOf(), ...spans])
  const resource = new ProtoWriter()
  writeAttribute(resource, RESOURCE.attributes, 'service.name', serviceName)
  const resourceSpans = new ProtoWriter()
  resourceSpans.raw(RESOURCE_SPANS.resource, resource.bytes)
  resourceSpans.raw(RESOURCE_SPANS.scopeSpans, scopeSpans)
  const request = new ProtoWriter()
  request.raw(REQUEST.resourceSpans, resourceSpans.bytes)
  return request.bytes
}

function scopeOf(): Uint8Array {
  const scope = new ProtoWriter()
  scope.text(SCOPE.name, SCOPE_NAME)

  const field = new ProtoWriter()
  field.raw(SCOPE_SPANS.scope, scope.bytes)
  return field.bytes
}
