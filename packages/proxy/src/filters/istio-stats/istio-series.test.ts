import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MergedRegistry, readLabels } from '@meltemi/runtime'
import { SeriesBudget } from '../../observe/series-budget.ts'
import type { Peer } from '../metadata-exchange/peer-cache.ts'
import { UNKNOWN_WORKLOAD } from '../metadata-exchange/workload.ts'
import { Outcome } from './istio-labels.ts'
import { IstioSeries, type IstioSeriesParts } from './istio-series.ts'

const HOST = 'shop.market.svc.cluster.local'
const V1 = `outbound|20880|v1|${HOST}`
const V2 = `outbound|20880|v2|${HOST}`

function peer(workload: string): Peer {
  return {
    workload: { ...UNKNOWN_WORKLOAD, workload, workload_namespace: 'market', canonical_service: workload },
    key: workload,
    isBad: false,
  }
}

function start(budget = new SeriesBudget(100), changes: Partial<IstioSeriesParts> = {}) {
  const clock = { nowMs: 0 }
  const registry = changes.registry ?? new MergedRegistry()
  const series = new IstioSeries({
    reporter: 'source',
    local: peer('web').workload,
    protocol: 'dubbo',
    service: undefined,
    registry,
    budget,
    overflow: registry.counter('overflow'),
    ...changes,
  })
  series.retain()
  const add = (cluster: string, from: string, outcome: string = Outcome.Success) =>
    series.find(cluster, peer(from), outcome, clock.nowMs).requests.add(1)
  return { series, add, registry: registry as MergedRegistry, clock }
}

/** The labels of each counter, and how many. */
function counted(registry: MergedRegistry): readonly (Readonly<Record<string, string>> & { readonly count: number })[] {
  return registry
    .read((name) => name.startsWith('wasmcustom.istio_requests_total'))
    .flatMap((metric) => {
      if (metric.kind !== 'counter') return []
      return [{ ...Object.fromEntries(readLabels(metric.name)?.labels ?? []), count: metric.value } as never]
    })
}

test('the four metrics of the reference have all labels of Istio', () => {
  const { add, registry } = start()
  add(V1, 'shop')
  const names = registry.read((name) => name.startsWith('wasmcustom.')).map(({ name }) => readLabels(name)?.name)
  assert.deepEqual(names, [
    'wasmcustom.istio_request_bytes',
    'wasmcustom.istio_request_duration_milliseconds',
    'wasmcustom.istio_requests_total',
    'wasmcustom.istio_response_bytes',
  ])
  const [labels] = counted(registry)
  assert.deepEqual(labels, {
    reporter: 'source',
    source_workload: 'web',
    source_workload_namespace: 'market',
    source_cluster: 'unknown',
    source_app: 'unknown',
    source_version: 'unknown',
    source_canonical_service: 'web',
    source_canonical_revision: 'latest',
    source_principal: 'unknown',
    destination_workload: 'shop',
    destination_workload_namespace: 'market',
    destination_cluster: 'unknown',
    destination_app: 'unknown',
    destination_version: 'unknown',
    destination_canonical_service: 'shop',
    destination_canonical_revision: 'latest',
    destination_principal: 'unknown',
    destination_service: HOST,
    destination_service_name: HOST,
    destination_service_namespace: 'market',
    request_protocol: 'dubbo',
    response_code: '0',
    response_flags: '-',
    connection_security_policy: 'unknown',
    count: 1,
  })
})

test('the proxy beside the service tells of its own workload as the destination', () => {
  const { add, registry } = start(undefined, { reporter: 'destination', service: 'configured' })
  add('', 'client', 'UT')
  const [labels] = counted(registry)
  assert.equal(labels?.reporter, 'destination')
  assert.deepEqual([labels?.['source_workload'], labels?.['destination_workload']], ['client', 'web'])
  assert.deepEqual([labels?.['destination_service'], labels?.['response_code']], ['configured', '1'])
  assert.deepEqual([labels?.['response_flags'], labels?.['connection_security_policy']], ['UT', 'none'])
})

test('a listener whose clients must show a certificate tells of mutual TLS', () => {
  const { add, registry } = start(undefined, { reporter: 'destination', service: 'configured', isMutual: true })
  add('', 'client', Outcome.Success)
  assert.equal(counted(registry)[0]?.['connection_security_policy'], 'mutual_tls')
})

test('each outcome, peer and service has a count of its own; clusters of one service share it', () => {
  const { add, registry } = start()
  for (const [cluster, from, outcome] of [
    [V1, 'shop', Outcome.Success],
    [V2, 'shop', Outcome.Success],
    [V1, 'shop', Outcome.Failure],
    [V1, 'shop', 'UH'],
    [V1, 'shop2', Outcome.Success],
    ['own-name', 'shop', Outcome.Success],
    ['', 'shop', 'NR'],
    [V1, 'shop', Outcome.Success],
  ] as const) {
    add(cluster, from, outcome)
  }
  const lines = counted(registry).map(
    (labels) =>
      `${labels['destination_workload']} ${labels['destination_service']} ${labels['response_code']} ${labels['response_flags']} ${labels.count}`,
  )
  assert.deepEqual(lines.sort(), [
    'shop own-name 0 - 1',
    `shop ${HOST} 0 - 3`,
    `shop ${HOST} 1 - 1`,
    `shop ${HOST} 1 UH 1`,
    'shop unknown 1 NR 1',
    `shop2 ${HOST} 0 - 1`,
  ])
})

test('what goes beyond the budget is counted under _other, and told', () => {
  const { add, registry } = start(new SeriesBudget(2))
  for (let n = 0; n < 10; n++) add(V1, `peer ${n}`)
  add(V1, 'peer 0', 'UT')
  add(V1, 'peer 0')
  const lines = counted(registry).map(
    (labels) => `${labels['destination_workload']} ${labels['response_flags']} ${labels.count}`,
  )
  assert.deepEqual(lines.sort(), ['_other - 8', '_other _other 1', 'peer 0 - 2', 'peer 1 - 1'])
  const [overflow] = registry.read((name) => name === 'overflow')
  assert.ok(overflow?.kind === 'counter' && overflow.value === 9)
})

test('series go with their cluster and with their listener, and their part of the budget is free again', () => {
  const budget = new SeriesBudget(3)
  const { series, add, registry } = start(budget)
  add(V1, 'shop')
  add(V1, 'shop', Outcome.Failure)
  add('own-name', 'shop')
  budget.forget(V1)
  assert.deepEqual(
    counted(registry).map((labels) => labels['destination_service']),
    ['own-name'],
  )
  add(V2, 'shop')
  add(V2, 'shop2')
  assert.equal(counted(registry).length, 3)
  series.release()
  assert.deepEqual([counted(registry).length, budget.owners.size], [0, 0])
})

test('when there is no room, peers that have had no requests for long make some', () => {
  const HOUR_MS = 3_600_000
  const { add, registry, clock } = start(new SeriesBudget(3, HOUR_MS))
  const peers = () =>
    counted(registry)
      .map(({ destination_workload, count }) => `${destination_workload} ${count}`)
      .sort()
  add(V1, 'kept')
  add(V1, 'gone')
  add(V2, 'gone too')
  clock.nowMs = 5
  add(V1, 'new')
  assert.deepEqual(peers(), ['_other 1', 'gone 1', 'gone too 1', 'kept 1'])
  clock.nowMs = HOUR_MS
  add(V1, 'kept')
  clock.nowMs = HOUR_MS + 4
  add(V1, 'new')
  assert.deepEqual(peers(), ['_other 2', 'gone 1', 'gone too 1', 'kept 2'])
  clock.nowMs = HOUR_MS + 5
  add(V1, 'new')
  clock.nowMs = HOUR_MS + 6
  add(V1, 'newer')
  assert.deepEqual(peers(), ['_other 2', 'kept 2', 'new 1', 'newer 1'])
  clock.nowMs = HOUR_MS + 7
  add(V1, 'kept')
  assert.deepEqual(peers(), ['_other 2', 'kept 3', 'new 1', 'newer 1'])
})

test('a service that another listener has as well keeps what was counted', () => {
  const registry = new MergedRegistry()
  const budget = new SeriesBudget(10)
  const one = start(budget, { registry })
  const other = start(budget, { registry })
  one.add(V1, 'shop')
  other.add(V1, 'shop')
  one.series.release()
  other.add(V1, 'shop')
  assert.deepEqual(
    counted(registry).map(({ count }) => count),
    [3],
  )
})

test('what nobody uses yet is nowhere known, so that there is nothing to release', () => {
  const budget = new SeriesBudget(100)
  const registry = new MergedRegistry()
  const parts = { registry, budget, overflow: registry.counter('overflow'), service: undefined }
  const series = new IstioSeries({ ...parts, reporter: 'source', local: peer('web').workload, protocol: 'dubbo' })
  assert.equal(budget.owners.size, 0)
  series.retain()
  assert.equal(budget.owners.size, 1)
  series.release()
  assert.equal(budget.owners.size, 0)
})
