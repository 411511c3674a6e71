import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, parseCluster, parseEndpoints, parseListener, type Resource, type ResourceContext } from '@meltemi/api'
import fc from 'fast-check'
import { WorldBuilder } from '../store/build-world.ts'
import { DRAWN_NUMBERS, drawResource } from '../testing/draw-resource.ts'
import { PROXY_RULES } from '../testing/proxy-rules.ts'
import { byKey, WORLD_OPTIONS } from '../testing/resources.ts'
import { localMetrics, memoryLogger } from '../testing/silent.ts'
import type { NodeInfo, Snapshot } from '../xds/xds-resource.ts'
import { ServiceTranslator } from './service-translator.ts'
import { Snapshots } from './snapshots.ts'

const resource = fc.array(fc.nat(), { minLength: DRAWN_NUMBERS, maxLength: DRAWN_NUMBERS }).map(drawResource)

const NODES: readonly NodeInfo[] = [
  { id: 'all', cluster: '', metadata: {}, userAgent: '' },
  { id: 'sidecar~10.0.0.1~pod.shop~shop.svc.cluster.local', cluster: '', metadata: {}, userAgent: '' },
  { id: 'one', cluster: '', metadata: { SCOPE: ['a.default.svc.cluster.local'] }, userAgent: '' },
]

const CONTEXT: ResourceContext = {
  options: PROXY_RULES,
  sources: { hasAds: true, staticClusters: new Set() },
  connectionLimits: new Map(),
}

function newSnapshots(): Snapshots {
  const translator = new ServiceTranslator({ listenHost: '127.0.0.1', logger: memoryLogger(), metrics: localMetrics() })
  return new Snapshots({ translator, metrics: localMetrics(), startVersion: 0 })
}

function content({ resources }: Snapshot): unknown {
  return Object.entries(resources).map(([type, map]) => [
    type,
    [...map.values()].map(({ name, version }) => `${name} ${version}`).sort(),
  ])
}

const steps = fc.array(fc.array(fc.record({ resource, isGone: fc.boolean() }), { minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 8,
})

test('however the world came about, a proxy sees the same', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const builder = new WorldBuilder(WORLD_OPTIONS)
      const snapshots = newSnapshots()
      for (const changes of history) {
        const kept = changes.filter(({ isGone }) => !isGone).map((each) => each.resource)
        const deleted = changes.filter(({ isGone }) => isGone).map((each) => keyOf(each.resource))
        snapshots.update(builder.apply({ set: byKey(kept), deleted, modules: new Map() }))
        const fresh = freshOf([...builder.world.resources.values()])
        for (const node of NODES) {
          const [one, other] = [snapshots.for(node), fresh.for(node)]
          assert.ok(one !== undefined && other !== undefined)
          assert.deepEqual(content(one), content(other))
          assert.deepEqual([...snapshots.members(node).keys()].sort(), [...fresh.members(node).keys()].sort())
        }
        assert.deepEqual(notesOf(snapshots), notesOf(fresh))
      }
    }),
    { numRuns: 60 },
  )
})

function freshOf(list: readonly Resource[]): Snapshots {
  const snapshots = newSnapshots()
  snapshots.update(
    new WorldBuilder(WORLD_OPTIONS).apply({ set: byKey(list.toReversed()), deleted: [], modules: new Map() }),
  )
  return snapshots
}

function notesOf(snapshots: Snapshots): readonly string[] {
  return snapshots
    .notes()
    .map((note) => JSON.stringify(note))
    .sort()
}

test('what a proxy sees can all be read, is complete in itself, and no two listeners want the same', () => {
  fc.assert(
    fc.property(fc.array(resource, { maxLength: 25 }), (list) => {
      const snapshots = freshOf(list)
      for (const node of NODES) {
        const snapshot = snapshots.for(node)
        assert.ok(snapshot)
        checkListeners(snapshot)
        for (const cluster of snapshot.resources.cluster.values()) {
          const { value, problems } = parseCluster(cluster.value, CONTEXT)
          assert.ok(value, JSON.stringify(problems))
          const endpoints = snapshot.resources.endpoint.get(cluster.name)
          if (endpoints !== undefined) assert.ok(parseEndpoints(endpoints.value, CONTEXT).value)
          assert.equal(value.eds === undefined, !snapshot.resources.endpoint.has(cluster.name))
        }
      }
    }),
    { numRuns: 60 },
  )
})

function checkListeners({ resources }: Snapshot): void {
  const addresses = new Set<string>()
  for (const listener of resources.listener.values()) {
    const { value, problems } = parseListener(listener.value, CONTEXT)
    assert.ok(value, JSON.stringify(problems))
    const address = `${value.address.host} ${value.address.port}`
    assert.ok(!addresses.has(address), address)
    addresses.add(address)
    const { filter } = value
    if (filter.kind === 'meta-protocol') assert.ok(resources.route.has(filter.rds?.routeConfigName ?? ''))
    else for (const { cluster } of filter.clusters) assert.ok(resources.cluster.has(cluster))
  }
}
