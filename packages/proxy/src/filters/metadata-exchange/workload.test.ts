import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StructFields } from './struct-bytes.ts'
import { UNKNOWN_WORKLOAD, workloadOf } from './workload.ts'

function metadata(labels: Readonly<Record<string, string>>, more: Readonly<Record<string, string>> = {}): StructFields {
  return new Map<string, string | StructFields>([...Object.entries(more), ['LABELS', new Map(Object.entries(labels))]])
}

test('a workload is told by its metadata and labels', () => {
  const labels = {
    app: 'shop',
    version: 'v2',
    'service.istio.io/canonical-name': 'shop-main',
    'service.istio.io/canonical-revision': 'blue',
  }
  const names = { WORKLOAD_NAME: 'shop-v2', NAMESPACE: 'market', CLUSTER_ID: 'east', NAME: 'shop-v2-1234' }
  assert.deepEqual(workloadOf(metadata(labels, names)), {
    workload: 'shop-v2',
    workload_namespace: 'market',
    cluster: 'east',
    app: 'shop',
    version: 'v2',
    canonical_service: 'shop-main',
    canonical_revision: 'blue',
  })
})

test('without a canonical name the service is the workload, without a revision it is the latest', () => {
  const { canonical_service, canonical_revision, app } = workloadOf(metadata({}, { WORKLOAD_NAME: 'shop' }))
  assert.deepEqual([canonical_service, canonical_revision, app], ['shop', 'latest', 'unknown'])
})

test('what is missing, empty or of another kind is unknown', () => {
  const odd = new Map<string, string | StructFields>([
    ['WORKLOAD_NAME', new Map()],
    ['NAMESPACE', ''],
    ['LABELS', 'app=shop'],
  ])
  assert.deepEqual(workloadOf(odd), UNKNOWN_WORKLOAD)
  assert.equal(new Set(Object.values(UNKNOWN_WORKLOAD)).size, 2)
})
