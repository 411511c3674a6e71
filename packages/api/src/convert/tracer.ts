import type { OtlpProvider, TracingProvider, ZipkinProvider } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

const ZIPKIN_TYPE = 'envoy.config.trace.v3.ZipkinConfig'
const OPENTELEMETRY_TYPE = 'envoy.config.trace.v3.OpenTelemetryConfig'
const GRPC_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const TIMEOUT_MS = 5_000

type ClusterNames = ReadonlySet<string> | undefined

/** Reads an envoy.config.trace.v3.Tracing.Http: where spans go. `clusters` undefined: more may come. */
export function convertTracer(tracer: ConfigMessage, clusters: ClusterNames): TracingProvider | undefined {
  const config = tracer.any('typed_config')
  if (config === undefined) {
    tracer.reportMissing('typed_config')
    return undefined
  }
  if (config.message !== undefined) {
    if (config.typeName === ZIPKIN_TYPE) return convertZipkin(config.message, clusters)
    if (config.typeName === OPENTELEMETRY_TYPE) return convertOpenTelemetry(config.message, clusters)
  }
  tracer.problems.refuse(config, `tracer ${config.typeName} is not supported yet`)
  return undefined
}

function convertZipkin(zipkin: ConfigMessage, clusters: ClusterNames): ZipkinProvider {
  const version = zipkin.enumName('collector_endpoint_version')
  if (version !== 'HTTP_JSON') {
    zipkin.error('collector_endpoint_version', `expected HTTP_JSON, got ${version}`)
  }
  const cluster = checkCluster(zipkin, 'collector_cluster', clusters)
  if (!/^\/[!-~]*$/.test(zipkin.text('collector_endpoint'))) {
    zipkin.error('collector_endpoint', 'expected a path such as /api/v2/spans')
  }
  return {
    kind: 'zipkin',
    cluster,
    timeoutMs: TIMEOUT_MS,
    path: zipkin.text('collector_endpoint'),
    host: zipkin.text('collector_hostname') || cluster,
    traceId128bit: zipkin.flag('trace_id_128bit') ?? false,
    sharedSpanContext: zipkin.flag('shared_span_context') ?? true,
  }
}

function convertOpenTelemetry(config: ConfigMessage, clusters: ClusterNames): OtlpProvider | undefined {
  const [grpc, http] = [config.message('grpc_service'), config.message('http_service')]
  const serviceName = config.text('service_name')
  if (grpc !== undefined && http !== undefined) {
    for (const field of ['grpc_service', 'http_service']) {
      config.error(field, 'only one of grpc_service and http_service can be set')
    }
  }
  if (grpc !== undefined) return convertGrpcService(grpc, serviceName, clusters)
  if (http !== undefined) return convertHttpService(http, serviceName, clusters)
  config.problems.error(config, 'one of grpc_service, http_service is required')
  return undefined
}

function convertGrpcService(service: ConfigMessage, serviceName: string, clusters: ClusterNames): OtlpProvider {
  const grpc = service.message('envoy_grpc')
  const headers = service.messages('initial_metadata').map(convertHeader)
  return {
    kind: 'otlp-grpc',
    cluster: grpc === undefined ? '' : checkCluster(grpc, 'cluster_name', clusters),
    timeoutMs: service.durationMs('timeout') || TIMEOUT_MS,
    path: GRPC_PATH,
    host: grpc?.text('authority') ?? '',
    headers,
    serviceName,
  }
}

function convertHttpService(
  service: ConfigMessage,
  serviceName: string,
  clusters: ClusterNames,
): OtlpProvider | undefined {
  const uri = service.message('http_uri')
  if (uri === undefined) {
    service.reportMissing('http_uri')
    return undefined
  }
  const text = uri.text('uri')
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && text !== '') {
    uri.error('uri', `expected a URL such as http://collector:4318/v1/traces, got ${JSON.stringify(text)}`)
  }
  return {
    kind: 'otlp-http',
    cluster: checkCluster(uri, 'cluster', clusters),
    timeoutMs: uri.durationMs('timeout') || TIMEOUT_MS,
    path: url === null ? '' : `${url.pathname}${url.search}`,
    host: url?.host ?? '',
    headers: service.messages('request_headers_to_add').map(convertHeaderOption),
    serviceName,
  }
}

function convertHeaderOption(option: ConfigMessage): readonly [name: string, value: string] {
  const header = option.message('header')
  return header === undefined ? ['', ''] : convertHeader(header)
}

/** What cannot stand in a header would end each report. */
export function convertHeader(header: ConfigMessage): readonly [name: string, value: string] {
  const [key, value] = [header.text('key'), header.text('value')]
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(key)) header.error('key', 'expected the name of a header')
  if (!/^[\t\x20-\x7e]*$/.test(value)) header.error('value', 'expected visible ASCII characters')
  return [key.toLowerCase(), value]
}

function checkCluster(owner: ConfigMessage, field: string, clusters: ClusterNames): string {
  const name = owner.text(field)
  if (name !== '' && clusters !== undefined && !clusters.has(name)) {
    owner.error(field, `there is no cluster ${JSON.stringify(name)}`)
  }
  return name
}
