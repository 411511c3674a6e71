import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeListener } from '../encode.ts'
import type { ListenerConfig, MetaProtocolConfig, ProxyConfig, TracingConfig } from '../model/index.ts'
import { parseListener } from '../xds-resources/parse-listener.ts'
import { parseWithSetting } from './testing/parse-with-setting.ts'

const TYPE = '"@type": type.googleapis.com/envoy.config.trace.v3'
const ZIPKIN = `{name: z, typed_config: {${TYPE}.ZipkinConfig, collector_cluster: c, collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON}}`

const parse = (tracing: string, bootstrap = '') => parseWithSetting(`tracing: ${tracing}`, bootstrap)

function accept(tracing: string, bootstrap?: string): TracingConfig {
  const { config, problems } = parse(tracing, bootstrap)
  assert.deepEqual(problems, [])
  const [listener] = (config as ProxyConfig).listeners
  const { tracing: found } = (listener as ListenerConfig).filter as MetaProtocolConfig
  return found as TracingConfig
}

const problems = (tracing: string, bootstrap?: string) =>
  parse(tracing, bootstrap).problems.map(
    ({ path, message }) => `${path.replace(/^.*typed_config\.tracing/, '')}: ${message}`,
  )

describe('tracing', () => {
  test('has all of each share, and no detail, where it says nothing', () => {
    const { asConfigured: _, provider, ...tracing } = accept(`{provider: ${ZIPKIN}}`)
    assert.deepEqual(tracing, {
      clientSampling: 100,
      randomSampling: 10_000,
      overallSampling: 10_000,
      verbose: false,
      maxTagLength: 256,
      propagation: ['b3multi'],
    })
    assert.deepEqual(provider, {
      kind: 'zipkin',
      cluster: 'c',
      timeoutMs: 5000,
      path: '/api/v2/spans',
      host: 'c',
      traceId128bit: false,
      sharedSpanContext: true,
    })
  })

  test('takes shares as the reference: whole percents of clients, hundredths of the others', () => {
    const shares = 'client_sampling: {value: 12.9}, random_sampling: {value: 0.019}, overall_sampling: {}'
    const { clientSampling, randomSampling, overallSampling } = accept(`{${shares}, provider: ${ZIPKIN}}`)
    assert.deepEqual([clientSampling, randomSampling, overallSampling], [12, 2, 0])
  })

  test('sends spans where the bootstrap says, unless it says otherwise itself', () => {
    const other = ZIPKIN.replace('/api/v2/spans', '/other')
    const pathOf = (tracing: TracingConfig) => tracing.provider?.path
    assert.equal(pathOf(accept('{}', `tracing: {http: ${other}}`)), '/other')
    assert.equal(pathOf(accept(`{provider: ${ZIPKIN}}`, `tracing: {http: ${other}}`)), '/api/v2/spans')
    assert.deepEqual(problems('{}'), ['.provider: there is none, here or in the bootstrap, so there will be no spans'])
  })

  test('goes to OpenTelemetry collectors over gRPC and over HTTP', () => {
    const grpc = accept(
      `{provider: {name: o, typed_config: {${TYPE}.OpenTelemetryConfig, service_name: me, grpc_service: {envoy_grpc: {cluster_name: c}, timeout: 0.25s, initial_metadata: [{key: Token, value: x}]}}}}`,
    )
    assert.deepEqual(grpc.propagation, ['w3c'])
    assert.deepEqual(grpc.provider, {
      kind: 'otlp-grpc',
      cluster: 'c',
      timeoutMs: 250,
      path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      host: '',
      headers: [['token', 'x']],
      serviceName: 'me',
    })
    const http = accept(
      `{propagation: [b3, w3c], provider: {name: o, typed_config: {${TYPE}.OpenTelemetryConfig, http_service: {http_uri: {uri: "http://otel:4318/v1/traces?a=b", cluster: c, timeout: 1s}}}}}`,
    )
    assert.deepEqual(http.propagation, ['b3', 'w3c'])
    assert.deepEqual(http.provider, {
      kind: 'otlp-http',
      cluster: 'c',
      timeoutMs: 1000,
      path: '/v1/traces?a=b',
      host: 'otel:4318',
      headers: [],
      serviceName: '',
    })
  })

  test('is refused with what is wrong with it', () => {
    const provider = (text: string) => problems(`{provider: {name: p, typed_config: {${text}}}}`)
    assert.deepEqual(provider('"@type": a/b.C'), ['.provider.typed_config: tracer b.C is not supported yet'])
    assert.deepEqual(problems('{provider: {name: envoy.tracers.zipkin}}'), [
      '.provider.typed_config: typed_config is required',
    ])
    const zipkin = `${TYPE}.ZipkinConfig, collector_cluster: x, collector_endpoint: spans`
    assert.deepEqual(
      provider(zipkin).toSorted(),
      [
        '.provider.typed_config.collector_endpoint_version: expected HTTP_JSON, got DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE',
        '.provider.typed_config.collector_cluster: there is no cluster "x"',
        '.provider.typed_config.collector_endpoint: expected a path such as /api/v2/spans',
      ].toSorted(),
    )
    assert.deepEqual(provider(`${TYPE}.OpenTelemetryConfig`), [
      '.provider.typed_config: one of grpc_service, http_service is required',
    ])
    const uri = (text: string) =>
      provider(`${TYPE}.OpenTelemetryConfig, http_service: {http_uri: {uri: "${text}", cluster: c, timeout: 1s}}`)
    assert.deepEqual(uri('https://a/b'), [
      '.provider.typed_config.http_service.http_uri.uri: expected a URL such as http://collector:4318/v1/traces, got "https://a/b"',
    ])
    assert.deepEqual(problems(`{propagation: [b4], provider: ${ZIPKIN}}`), [
      '.propagation[0]: expected one of w3c, b3, b3multi, got b4',
    ])
  })

  test('and logs are the same when they have been sent by a control plane', () => {
    const log =
      '{name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, log_format: {json_format: {a: "%DURATION%"}}}}'
    const { config, problems: found } = parse(
      `{random_sampling: {value: 1}, provider: ${ZIPKIN}}, access_log: [${log}]`,
    )
    assert.deepEqual(found, [])
    const listener = config?.listeners[0] as ListenerConfig
    const { value, problems: more } = parseListener(encodeListener(listener), {
      options: {},
      sources: { hasAds: false, staticClusters: new Set() },
      connectionLimits: new Map(),
    })
    assert.deepEqual(more, [])
    assert.deepEqual(value, listener)
  })
})
