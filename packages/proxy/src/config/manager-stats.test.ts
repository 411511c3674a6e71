import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClusterConfig, type ListenerConfig, NO_CHANGE, type ProxyConfig } from '@meltemi/api/model'
import { MergedRegistry } from '@meltemi/runtime'
import { LiveConfig } from './live-config.ts'
import { ManagerStats } from './manager-stats.ts'

/** What is counted depends on names alone. */
function named<T>(name: string, port = 1): T {
  return { name, address: { host: '127.0.0.1', port }, filter: { kind: 'tcp-proxy' }, endpoints: [] } as T
}

function follow() {
  const metrics = new MergedRegistry()
  const config = {
    listeners: [named<ListenerConfig>('l1')],
    clusters: [named<ClusterConfig>('c1'), named<ClusterConfig>('c2')],
  } as unknown as ProxyConfig
  const live = new LiveConfig(config)
  new ManagerStats(metrics).follow(live)
  const counts = () =>
    Object.fromEntries(
      metrics
        .read((name) => name.includes('manager'))
        .map((metric) => [metric.name.replace(/^\w+_manager\./, ''), metric.kind === 'histogram' ? 0 : metric.value]),
    )
  return { live, counts }
}

const AT_START = {
  active_clusters: 2,
  cluster_added: 2,
  cluster_modified: 0,
  cluster_removed: 0,
  cluster_updated: 0,
  warming_clusters: 0,
  listener_added: 1,
  listener_modified: 0,
  listener_removed: 0,
  total_listeners_active: 1,
  total_listeners_warming: 0,
}

test('what the bootstrap brings is added at the start', () => {
  assert.deepEqual(follow().counts(), AT_START)
})

test('what comes, changes and goes is counted by kind', () => {
  const { live, counts } = follow()
  live.apply(
    {
      ...NO_CHANGE,
      clusters: [named('c2'), named('c3'), named('c4')],
      clustersRemoved: ['c1', 'nobody'],
      endpoints: [{ cluster: 'c3', endpoints: [] }],
      listeners: [named('l1', 2), named('l2', 3)],
    },
    () => '',
  )
  assert.deepEqual(counts(), {
    ...AT_START,
    active_clusters: 3,
    cluster_added: 4,
    cluster_modified: 1,
    cluster_removed: 1,
    cluster_updated: 1,
    listener_added: 2,
    listener_modified: 1,
    total_listeners_active: 2,
  })
  live.apply({ ...NO_CHANGE, listenersRemoved: ['l2'], clustersRemoved: ['c3', 'c4'] }, () => '')
  assert.deepEqual(
    [
      counts()['listener_removed'],
      counts()['total_listeners_active'],
      counts()['cluster_removed'],
      counts()['active_clusters'],
    ],
    [1, 1, 3, 1],
  )
})
