import assert from 'node:assert/strict'
import { test } from 'node:test'
import { labelledName } from './labelled-name.ts'
import { toPrometheusName } from './prometheus-name.ts'
import { DEFAULT_NAMING, type NamePart, type StatNaming, withoutParts } from './stat-naming.ts'

function naming(changes: Partial<StatNaming>): StatNaming {
  return { ...DEFAULT_NAMING, ...changes }
}

/** Takes out the first occurrence of a text. */
function part(statName: string, label: string, text: string, value = text): NamePart {
  const start = statName.indexOf(text)
  return { start, end: start + text.length, label, value }
}

test('parts are taken out of the name, whether they overlap or not', () => {
  const at = (start: number, end: number) => ({ start, end })
  assert.equal(withoutParts('abcdef', [], '*'), 'abcdef')
  assert.equal(withoutParts('abcdef', [at(4, 5), at(0, 2)], ''), 'cdf')
  assert.equal(withoutParts('abcdef', [at(1, 4), at(2, 5)], ''), 'af')
  assert.equal(withoutParts('abcdef', [at(1, 5), at(2, 3)], '*'), 'a*f')
  assert.equal(withoutParts('abcdef', [at(0, 6)], ''), '')
})

test('what is found becomes a label beside Envoy’s, and is no longer in the family', () => {
  const name = 'cluster.a.zone.eu.upstream_cx_total'
  const { family, label, help } = toPrometheusName(
    'cluster.a.upstream_cx_total',
    naming({ parts: (statName) => [part(statName, 'what', 'upstream_', 'up')] }),
  )
  assert.deepEqual(
    [family, label, help],
    ['envoy_cluster_cx_total', 'envoy_cluster_name="a",what="up"', 'cluster.*.*cx_total'],
  )
  assert.equal(toPrometheusName(name).label, 'envoy_cluster_name="a.zone.eu"')
})

test('a label that is configured takes the place of the default of that name', () => {
  const { family, label } = toPrometheusName(
    'cluster.a.b.rq_total',
    naming({ parts: (statName) => [part(statName, 'envoy_cluster_name', 'a.', 'x')] }),
  )
  assert.deepEqual([family, label], ['envoy_cluster_b_rq_total', 'envoy_cluster_name="x"'])
})

test('without defaults the name stays whole, and a label that is wanted is there all the same', () => {
  const only = naming({ usesDefault: (label) => label === 'envoy_tcp_prefix' })
  assert.deepEqual(toPrometheusName('cluster.a.rq_total', only), {
    family: 'envoy_cluster_a_rq_total',
    label: '',
    help: 'cluster.a.rq_total',
  })
  assert.equal(toPrometheusName('tcp.a.downstream_cx_total', only).label, 'envoy_tcp_prefix="a"')
})

test('a fixed label is on every stat that has none of that name, but not on those with labels of their own', () => {
  const fixed = naming({
    fixed: [
      ['pod', 'p"1'],
      ['envoy_cluster_name', 'none'],
    ],
  })
  assert.equal(toPrometheusName('server.live', fixed).label, 'pod="p\\"1",envoy_cluster_name="none"')
  assert.equal(toPrometheusName('cluster.a.x', fixed).label, 'envoy_cluster_name="a",pod="p\\"1"')
  assert.equal(toPrometheusName(labelledName('meltemi.x', { a: 'b' }), fixed).label, 'a="b"')
})

test('stats in the namespace of names of one’s own lose it, and take no labels besides theirs', () => {
  const fixed = naming({ fixed: [['pod', 'p1']] })
  assert.deepEqual(toPrometheusName(labelledName('wasmcustom.istio_requests_total', { reporter: 'source' }), fixed), {
    family: 'istio_requests_total',
    label: 'reporter="source"',
    help: 'wasmcustom.istio_requests_total',
  })
})
