import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetricValue } from './definition.ts'
import { labelledName } from './labelled-name.ts'
import { MergedRegistry } from './merged-registry.ts'
import { formatPrometheus } from './prometheus.ts'

const LABELS = String.raw`\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\}`
const SAMPLE = new RegExp(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(${LABELS})? (-?[0-9.e+]+|NaN|[+-]Inf)$`)
const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\\n]|\\[\\n])+$/
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/

/** As strict as a scraper: samples follow their TYPE line, no family and no sample comes twice. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  const families = new Set<string>()
  let current = ''
  let helped = ''
  for (const line of text.trimEnd().split('\n')) {
    helped = HELP.exec(line)?.[1] ?? helped
    if (line.startsWith('# HELP')) continue
    const type = TYPE.exec(line)
    if (type !== null) {
      current = type[1]!
      assert.equal(helped, current, 'HELP comes before TYPE')
      assert.ok(!families.has(current), `second TYPE of ${current}`)
      families.add(current)
      continue
    }
    const sample = SAMPLE.exec(line)
    assert.ok(sample !== null, `malformed line: ${line}`)
    assert.equal(sample[1]!.replace(/_(?:bucket|sum|count)$/, ''), current.replace(/_(?:bucket|sum|count)$/, ''))
    const key = sample[1]! + (sample[2] ?? '')
    assert.ok(!samples.has(key), `duplicate ${key}`)
    samples.set(key, Number(sample[3]!.replace('+Inf', 'Infinity')))
  }
  return samples
}

function counter(name: string, value = 1): MetricValue {
  return { name, kind: 'counter', value }
}

test('a meta protocol stat keeps its whole name, a cluster and a listener become labels', () => {
  const metrics = [
    counter('cluster.outbound|20880||a.b.svc.upstream_cx_total', 2),
    counter('cluster.a.circuit_breakers.default.cx_open', 3),
    counter('cluster.b.upstream_cx_total', 4),
    counter('listener.127.0.0.1_8080.downstream_cx_total', 5),
    counter('listener.admin.downstream_cx_total', 6),
    counter('listener_manager.listener_added', 7),
    counter('meta_protocol.dubbo.outbound|20880||org.apache.dubbo.samples.basic.api.demoservice.request', 8),
    counter('server.live', 9),
    counter('tcp.my.prefix.downstream_cx_total', 10),
  ]
  assert.deepEqual(Object.fromEntries(parse(formatPrometheus(metrics))), {
    'envoy_cluster_upstream_cx_total{envoy_cluster_name="outbound|20880||a.b.svc"}': 2,
    'envoy_cluster_circuit_breakers_default_cx_open{envoy_cluster_name="a"}': 3,
    'envoy_cluster_upstream_cx_total{envoy_cluster_name="b"}': 4,
    'envoy_listener_downstream_cx_total{envoy_listener_address="127.0.0.1_8080"}': 5,
    envoy_listener_admin_downstream_cx_total: 6,
    envoy_listener_manager_listener_added: 7,
    envoy_meta_protocol_dubbo_outbound_20880__org_apache_dubbo_samples_basic_api_demoservice_request: 8,
    envoy_server_live: 9,
    'envoy_tcp_downstream_cx_total{envoy_tcp_prefix="my.prefix"}': 10,
  })
})

test('stats of our own have their labels, and no prefix of Envoy’s', () => {
  const registry = new MergedRegistry()
  const name = (metric: string, method: string) => labelledName(`meltemi.${metric}`, { service: 's|1', method })
  registry.counter(name('requests_total', 'a"b')).add(1)
  registry.counter(name('requests_total', 'c')).add(2)
  registry.histogram(name('request_duration_milliseconds', 'c')).record(3)
  registry.counter('meltemi.plain').add(4)
  registry.counter(labelledName('server.x', { a: 'b' })).add(5)
  const samples = parse(formatPrometheus(registry.read((metric) => metric !== 'metrics_overflow')))
  assert.equal(samples.get('meltemi_requests_total{service="s|1",method="a\\"b"}'), 1)
  assert.equal(samples.get('meltemi_requests_total{service="s|1",method="c"}'), 2)
  assert.equal(samples.get('meltemi_request_duration_milliseconds_bucket{service="s|1",method="c",le="5"}'), 1)
  assert.equal(samples.get('meltemi_request_duration_milliseconds_count{service="s|1",method="c"}'), 1)
  assert.equal(samples.get('meltemi_plain'), 4)
  assert.equal(samples.get('envoy_server_x_a__b__'), 5)
})

test('stats with names of their own have no prefix at all', () => {
  const name = labelledName('wasmcustom.istio_requests_total', { reporter: 'source', response_flags: '-' })
  const text = formatPrometheus([counter(name, 3)])
  assert.match(text, /^# HELP istio_requests_total Stat wasmcustom\.istio_requests_total$/m)
  assert.equal(parse(text).get('istio_requests_total{reporter="source",response_flags="-"}'), 3)
})

test('label values are escaped', () => {
  const text = formatPrometheus([counter('cluster.a"b\\c\nd\ud800.x')])
  assert.equal(parse(text).size, 1)
  assert.ok(text.includes('{envoy_cluster_name="a\\"b\\\\c\\nd\ufffd"}'))
})

test('names that are odd or too short for a resource stay a plain name', () => {
  for (const name of ['cluster.x', 'cluster..x', '', '.', 'tcp.', 'cluster', '0', 'ä.ö']) {
    assert.equal(parse(formatPrometheus([counter(name)])).size, 1, name)
  }
})

test('stats that cannot be told apart are added up, of other kinds only the first is shown', () => {
  const registry = new MergedRegistry()
  registry.counter('m.a-b.request').add(1)
  registry.counter('m.a.b.request').add(2)
  registry.gauge('m.a_b.request').set(50)
  registry.histogram('h.x').record(1)
  registry.histogram('h-x').record(2)
  registry.counter('h.x.count').add(77)
  const samples = parse(formatPrometheus(registry.read()))
  assert.equal(samples.get('envoy_m_a_b_request'), 3)
  assert.equal(samples.get('envoy_h_x_count'), 2)
  assert.equal(samples.get('envoy_h_x_sum'), 3)
})

test('a histogram has cumulative buckets that end at its count', () => {
  const registry = new MergedRegistry()
  const histogram = registry.histogram('cluster.a.upstream_rq_time')
  for (const value of [0.2, 0.5, 0.7, 5, 250, 9e6]) histogram.record(value)
  const samples = parse(formatPrometheus(registry.read((name) => name.startsWith('cluster.'))))
  const at = (bound: string) =>
    samples.get(`envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="${bound}"}`)
  assert.deepEqual(['0.5', '1', '5', '250', '3600000', '+Inf'].map(at), [2, 3, 4, 5, 5, 6])
  assert.equal(samples.get('envoy_cluster_upstream_rq_time_count{envoy_cluster_name="a"}'), 6)
  assert.ok(Math.abs(samples.get('envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="a"}')! - 9000256.4) < 1e-6)
  assert.equal(samples.size, 22)
})

test('nothing to show is an empty page', () => {
  assert.equal(formatPrometheus([]), '')
})
