import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { create, fromBinary } from '@bufbuild/protobuf'
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  RESOURCE_TYPES,
} from '@meltemi/api/xds'
import fc from 'fast-check'
import { DeltaSubscription } from './delta-subscription.ts'
import { tryResourceType } from './resource-kinds.ts'
import { SotwSubscription } from './sotw-subscription.ts'
import { isModelType, ModelProxy, type ModelStream, type ModelWire } from './testing/model-proxy.ts'
import { readTestResource, testSnapshot } from './testing/snapshots.ts'
import type { Snapshot } from './xds-resource.ts'
import { XdsStream } from './xds-stream.ts'

const MAX_NAMES = 100
const NODE = { id: 'model' }
const REJECTION = { code: 3, message: 'is bad' }

const sotw: ModelWire = {
  isDelta: false,
  open: (host, transport) => {
    const subscribe = (type: keyof typeof RESOURCE_TYPES) => new SotwSubscription(type, MAX_NAMES)
    return new XdsStream(host, transport, { subscribe, type: undefined }, 1) as ModelStream
  },
  encode: ({ type, names, nonce, isRejection }) =>
    create(DiscoveryRequestSchema, {
      node: NODE,
      typeUrl: RESOURCE_TYPES[type],
      resourceNames: [...names],
      responseNonce: nonce,
      ...(isRejection ? { errorDetail: REJECTION } : {}),
    }),
  decode: (bytes) => {
    const { typeUrl, nonce, resources } = fromBinary(DiscoveryResponseSchema, bytes)
    const versions = resources.map(({ value }) => readTestResource(value))
    return { type: typeOf(typeUrl), nonce, versions: toMap(versions), removed: [] }
  },
}

const delta: ModelWire = {
  isDelta: true,
  open: (host, transport) => {
    const subscribe = (type: keyof typeof RESOURCE_TYPES) => new DeltaSubscription(type, MAX_NAMES)
    return new XdsStream(host, transport, { subscribe, type: undefined }, 1) as ModelStream
  },
  encode: ({ type, names, namesBefore, initial, nonce, isAnswer, isRejection }) =>
    create(DeltaDiscoveryRequestSchema, {
      node: NODE,
      typeUrl: RESOURCE_TYPES[type],
      resourceNamesSubscribe: [...names].filter((name) => !namesBefore.has(name)),
      resourceNamesUnsubscribe: [...namesBefore].filter((name) => !names.has(name)),
      initialResourceVersions: Object.fromEntries(initial ?? []),
      responseNonce: isAnswer ? nonce : '',
      ...(isRejection ? { errorDetail: REJECTION } : {}),
    }),
  decode: (bytes) => {
    const { typeUrl, nonce, resources, removedResources } = fromBinary(DeltaDiscoveryResponseSchema, bytes)
    for (const { name, version, resource } of resources) {
      assert.deepEqual(readTestResource(resource?.value ?? new Uint8Array()), { name, version })
    }
    return { type: typeOf(typeUrl), nonce, versions: toMap(resources), removed: removedResources }
  },
}

function typeOf(typeUrl: string) {
  const type = tryResourceType(typeUrl)
  assert.ok(isModelType(type), typeUrl)
  return type
}

function toMap(resources: readonly { readonly name: string; readonly version: string }[]) {
  const map = new Map(resources.map(({ name, version }) => [name, version]))
  assert.equal(map.size, resources.length, 'a resource is there twice')
  return map
}

/** Each cluster has endpoints, each listener routes; the version of routes names the clusters they lead to. */
interface World {
  readonly clusters: Readonly<Record<string, { readonly version: string; readonly endpoints: string } | undefined>>
  readonly listeners: Readonly<
    Record<
      string,
      { readonly version: string; readonly routes: string; readonly leadTo: readonly string[] } | undefined
    >
  >
}

const CLUSTERS = ['a', 'b', 'c', 'd']
const LISTENERS = ['x', 'y', 'z']

function worlds(version: fc.Arbitrary<string>): fc.Arbitrary<World> {
  const cluster = fc.option(fc.record({ version, endpoints: version }), { nil: undefined, freq: 2 })
  const leadTo = fc.subarray(CLUSTERS)
  const listener = fc.option(fc.record({ version, routes: version, leadTo }), { nil: undefined, freq: 2 })
  return fc.record({
    clusters: fc.record(Object.fromEntries(CLUSTERS.map((name) => [name, cluster]))),
    listeners: fc.record(Object.fromEntries(LISTENERS.map((name) => [name, listener]))),
  })
}

function toSnapshot({ clusters, listeners }: World): Snapshot {
  const present = CLUSTERS.flatMap((name) => (clusters[name] === undefined ? [] : [[name, clusters[name]] as const]))
  const bound = LISTENERS.flatMap((name) => (listeners[name] === undefined ? [] : [[name, listeners[name]] as const]))
  const routes = bound.map(([name, { routes: version, leadTo }]) => {
    const existing = leadTo.filter((cluster) => clusters[cluster] !== undefined)
    return [name, `${version}>${existing.join(',')}`]
  })
  return testSnapshot('v', {
    cluster: Object.fromEntries(present.map(([name, { version }]) => [name, version])),
    endpoint: Object.fromEntries(present.map(([name, { endpoints }]) => [name, endpoints])),
    listener: Object.fromEntries(bound.map(([name, { version }]) => [name, version])),
    route: Object.fromEntries(routes),
  })
}

type Step = { readonly change: World } | 'answer' | 'block' | 'unblock' | 'reconnect' | 'wait'

function stories(version: fc.Arbitrary<string>, steps: readonly Step[]): fc.Arbitrary<readonly Step[]> {
  const change = worlds(version).map((world) => ({ change: world }))
  const other = fc.constantFrom(...steps)
  return fc.array(fc.oneof({ arbitrary: change, weight: 2 }, { arbitrary: other, weight: 5 }), { maxLength: 40 })
}

function take(proxy: ModelProxy, step: Step): void {
  if (step === 'answer') proxy.answer()
  else if (step === 'reconnect') proxy.connect()
  else if (step === 'wait') proxy.wait(700)
  else if (step === 'block' || step === 'unblock') proxy.block(step === 'block')
  else proxy.change(toSnapshot(step.change))
}

/** What is gone may stay for a while. */
function settle(proxy: ModelProxy, each?: () => void): void {
  proxy.settle(each)
  proxy.wait(10_000)
  proxy.settle(each)
}

function assertConverged(proxy: ModelProxy): void {
  for (const type of ['cluster', 'endpoint', 'listener', 'route'] as const) {
    const expected = [...proxy.snapshot.resources[type].values()].map(({ name, version }) => [name, version])
    assert.deepEqual([...proxy.has[type]].toSorted(), expected.toSorted(), type)
  }
  const unsettled = proxy.status?.types.filter(({ state }) => state !== 'synced' && state !== 'not sent')
  assert.deepEqual(unsettled, [])
}

/** No route leads to a cluster that the proxy does not have, with its endpoints. */
function assertWhole(proxy: ModelProxy): void {
  for (const [route, version] of proxy.has.route) {
    for (const cluster of version.split('>')[1]?.split(',') ?? []) {
      if (cluster === '') continue
      assert.ok(proxy.has.cluster.has(cluster), `${route} leads to cluster ${cluster}, which is not there`)
      assert.ok(proxy.has.endpoint.has(cluster), `${route} leads to cluster ${cluster}, which has no endpoints`)
    }
  }
}

const GOOD = fc.constantFrom('1', '2', '3')
const ANY = fc.constantFrom('1', '2', '3', 'bad1', 'bad2')
const EMPTY = testSnapshot('0', {})
const NUM_RUNS = 500

/** What the search has found before. */
const FOUND: [readonly Step[], World, boolean][] = [
  [[{ change: clusters({ a: 'bad' }) }, 'answer', 'answer'], clusters({ d: '1' }), false],
  [
    [{ change: clusters({ a: 'bad', d: '1' }) }, ...answers(2), { change: clusters({ a: '1' }) }],
    clusters({ d: '1' }),
    false,
  ],
  [[{ change: leading({ d: '1' }, { z: 'bad' }) }, ...answers(5)], clusters({}), false],
  [[{ change: clusters({ b: '1' }) }, 'answer', { change: clusters({ d: '1' }) }], clusters({ d: '1' }), true],
  [
    [{ change: clusters({ c: '3' }) }, 'answer', { change: clusters({ d: 'bad' }) }, 'answer', 'reconnect'],
    clusters({ c: '1' }),
    true,
  ],
  [[{ change: listener('y', '1') }, 'answer', { change: listener('z', 'bad') }, 'answer'], listener('y', '1'), false],
]
const FOUND_WHOLE: [readonly Step[], boolean][] = [
  [
    [...answers(2), { change: clusters({ c: '1' }) }, { change: clusters({ c: '3' }) }, ...answers(2), 'reconnect'],
    true,
  ],
  [[{ change: leading({ a: '1' }, { z: '1' }, ['a']) }, ...answers(5), { change: clusters({}) }, 'reconnect'], false],
]

function clusters(versions: Readonly<Record<string, string>>): World {
  return leading(versions, {})
}

function listener(name: string, version: string): World {
  return { clusters: {}, listeners: { [name]: { version, routes: '1', leadTo: [] } } }
}

function leading(
  versions: Readonly<Record<string, string>>,
  routes: Readonly<Record<string, string>>,
  leadTo: readonly string[] = [],
): World {
  const clusters = Object.entries(versions).map(([name, version]) => [name, { version, endpoints: '1' }])
  const listeners = Object.entries(routes).map(([name, version]) => [name, { version: '1', routes: version, leadTo }])
  return { clusters: Object.fromEntries(clusters), listeners: Object.fromEntries(listeners) }
}

function answers(count: number): readonly Step[] {
  return Array.from({ length: count }, () => 'answer' as const)
}

for (const [name, wire] of Object.entries({ 'state of the world': sotw, incremental: delta })) {
  describe(`${name}, whatever happens`, () => {
    test('the proxy ends up with what is newest, and is sent nothing that it has', () => {
      const steps: readonly Step[] = ['answer', 'answer', 'block', 'unblock', 'reconnect', 'wait']
      fc.assert(
        fc.property(stories(ANY, steps), worlds(GOOD), fc.boolean(), (story, last, withholds) => {
          const proxy = new ModelProxy(wire, EMPTY, withholds)
          for (const step of story) take(proxy, step)
          proxy.change(toSnapshot(last))
          settle(proxy)
          assertConverged(proxy)
          assert.deepEqual(proxy.needless, [])
        }),
        { numRuns: NUM_RUNS, examples: FOUND },
      )
    })

    test('a proxy that accepts everything never has a route to a cluster that it does not have', () => {
      // Only who says what he has can be spared until his routes are new.
      const steps: readonly Step[] = wire.isDelta
        ? ['answer', 'answer', 'reconnect', 'wait']
        : ['answer', 'block', 'unblock', 'wait']
      fc.assert(
        fc.property(stories(GOOD, steps), fc.boolean(), (story, withholds) => {
          const proxy = new ModelProxy(wire, EMPTY, withholds)
          for (const step of story) {
            take(proxy, step)
            assertWhole(proxy)
          }
          settle(proxy, () => assertWhole(proxy))
          assertConverged(proxy)
        }),
        { numRuns: NUM_RUNS, examples: wire.isDelta ? FOUND_WHOLE : [] },
      )
    })
  })
}
