import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseListener, parseRoutes, type Resource, type ResourceKey } from '@meltemi/api'
import { xdsToJson } from '@meltemi/api/encode'
import { WorldBuilder } from '../store/build-world.ts'
import { PROXY_RULES } from '../testing/proxy-rules.ts'
import { byKey, resources, shown, WORLD_OPTIONS } from '../testing/resources.ts'
import { localMetrics, memoryLogger, valueOf } from '../testing/silent.ts'
import { translateService } from '../translate/translate-service.ts'
import type { NodeInfo, Snapshot } from '../xds/xds-resource.ts'
import { ServiceTranslator } from './service-translator.ts'
import { Snapshots } from './snapshots.ts'

const START = 1_000

/** A world that changes, and what proxies see of it. */
class Mesh {
  readonly metrics = localMetrics()
  readonly lines: string[] = []
  readonly builder = new WorldBuilder(WORLD_OPTIONS)
  readonly snapshots: Snapshots
  /** Hosts whose translation breaks. */
  readonly broken = new Set<string>()

  constructor() {
    const translator = new ServiceTranslator({
      listenHost: '127.0.0.1',
      logger: memoryLogger(this.lines),
      metrics: this.metrics,
      translate: (view, options) => {
        if (this.broken.has(view.host)) throw new Error('out of order')
        return translateService(view, options)
      },
    })
    this.snapshots = new Snapshots({ translator, metrics: this.metrics, startVersion: START })
  }

  set(...yaml: readonly string[]): void {
    this.change(resources(yaml.join('---')), [])
  }

  change(set: readonly Resource[], deleted: readonly ResourceKey[]): void {
    this.snapshots.update(this.builder.apply({ set: byKey(set), deleted, modules: new Map() }))
  }

  for(node: NodeInfo): Snapshot {
    const snapshot = this.snapshots.for(node)
    assert.ok(snapshot)
    return snapshot
  }
}

function node(id: string, metadata: NodeInfo['metadata'] = {}): NodeInfo {
  return { id, cluster: '', metadata, userAgent: 'meltemi' }
}

const PROXY = node('proxy')

function service(name: string, extra = '', port = 9090): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec:
  hosts: [${name}.default.svc.cluster.local]
  ports: [{ number: ${port}, name: tcp-metaprotocol-thrift }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1 }]
  ${extra}
`
}

function router(name: string, to: string, extra = ''): string {
  return `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: ${name} }
spec:
  hosts: [${name}.default.svc.cluster.local]
  routes: [{ name: to-${to}, route: [{ destination: { host: ${to}.default.svc.cluster.local } }] }]
  ${extra}
`
}

function names(snapshot: Snapshot): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(Object.entries(snapshot.resources).map(([type, map]) => [type, [...map.keys()].sort()]))
}

describe('what a proxy sees', () => {
  test('is everything of the services that are exported to its namespace', () => {
    const mesh = new Mesh()
    mesh.set(service('a'), service('b', 'exportTo: [shop]', 9091))
    assert.deepEqual(names(mesh.for(PROXY)), {
      extensionConfig: [],
      secret: [],
      cluster: ['outbound|9090||a.default.svc.cluster.local'],
      endpoint: ['outbound|9090||a.default.svc.cluster.local'],
      listener: ['127.0.0.1_9090'],
      route: ['a.default.svc.cluster.local_9090'],
    })
    for (const seer of [node('sidecar~10.0.0.1~pod.shop~shop.svc.cluster.local'), node('x', { NAMESPACE: 'shop' })])
      assert.deepEqual(names(mesh.for(seer))['listener'], ['127.0.0.1_9090', '127.0.0.1_9091'])
  })

  test('is narrowed to its scope, but for the clusters that its routes lead to', () => {
    const mesh = new Mesh()
    mesh.set(service('a'), service('b', '', 9091), service('c', '', 9092), router('a', 'b'))
    const scoped = node('scoped', { SCOPE: ['a.default.svc.cluster.local'] })
    assert.deepEqual(names(mesh.for(scoped)), {
      extensionConfig: [],
      secret: [],
      cluster: ['outbound|9090||a.default.svc.cluster.local', 'outbound|9091||b.default.svc.cluster.local'],
      endpoint: ['outbound|9090||a.default.svc.cluster.local', 'outbound|9091||b.default.svc.cluster.local'],
      listener: ['127.0.0.1_9090'],
      route: ['a.default.svc.cluster.local_9090'],
    })
  })

  test('has no cluster that is not exported to it, whoever routes there', () => {
    const mesh = new Mesh()
    mesh.set(service('a'), service('b', 'exportTo: [shop]', 9091), router('a', 'b'))
    assert.deepEqual(names(mesh.for(PROXY))['cluster'], ['outbound|9090||a.default.svc.cluster.local'])
  })

  test('has the routes of a router only where that is exported to', () => {
    const mesh = new Mesh()
    mesh.set(service('a'), router('a', 'a', 'exportTo: [shop]'))
    const routeName = (seer: NodeInfo) => {
      const table = mesh.for(seer).resources.route.get('a.default.svc.cluster.local_9090')
      const context = {
        options: PROXY_RULES,
        sources: { hasAds: true, staticClusters: new Set<string>() },
        connectionLimits: new Map(),
      }
      return parseRoutes(table?.value ?? new Uint8Array(), context).value?.routes[0]?.name
    }
    assert.equal(routeName(node('x', { NAMESPACE: 'shop' })), 'to-a')
    assert.equal(routeName(PROXY), 'default')
  })

  test('has outlier detection, of the service, its ports and its subsets', () => {
    const mesh = new Mesh()
    const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: a }
spec:
  host: a.default.svc.cluster.local
  trafficPolicy:
    outlierDetection: { consecutive5xxErrors: 3 }
    portLevelSettings: [{ port: { number: 9090 }, outlierDetection: { consecutive5xxErrors: 4 } }]
  subsets: [{ name: v1, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5 } } }]
`
    mesh.set(service('a'), rule)
    const ejects = (seer: NodeInfo) =>
      [...mesh.for(seer).resources.cluster.values()].map(({ value }) =>
        Object.hasOwn(xdsToJson('cluster', value) as object, 'outlier_detection'),
      )
    assert.deepEqual(ejects({ ...node('envoy'), userAgent: 'envoy' }), [true, true])
    assert.deepEqual(ejects(PROXY), [true, true])
    assert.deepEqual(shown(mesh.snapshots.notes()), [])
  })

  test('is nothing before the first world', () => {
    assert.equal(new Mesh().snapshots.for(PROXY), undefined)
  })
})

describe('an address that two services want', () => {
  test('is that of the older one, and the other is told', () => {
    const mesh = new Mesh()
    mesh.set(service('b'), service('a'))
    const listener = mesh.for(PROXY).resources.listener.get('127.0.0.1_9090')
    const context = {
      options: PROXY_RULES,
      sources: { hasAds: true, staticClusters: new Set<string>() },
      connectionLimits: new Map(),
    }
    const { value } = parseListener(listener?.value ?? new Uint8Array(), context)
    assert.equal(value?.filter.statPrefix, 'outbound|9090||a.default.svc.cluster.local')
    assert.deepEqual(shown(mesh.snapshots.notes()), ['error address-conflict ServiceEntry/default/b spec.ports.0'])
    mesh.change([], ['ServiceEntry/default/a'])
    assert.deepEqual(mesh.snapshots.notes(), [])
    assert.equal(mesh.for(PROXY).resources.listener.size, 1)
  })

  test('is that of both where nobody sees both', () => {
    const mesh = new Mesh()
    mesh.set(service('a', 'exportTo: [shop]'), service('b', 'exportTo: [default]'))
    assert.deepEqual(mesh.snapshots.notes(), [])
  })
})

describe('a change', () => {
  test('leaves everything that it does not concern the same object', () => {
    const mesh = new Mesh()
    mesh.set(service('a'), service('b', '', 9091))
    const scoped = node('scoped', { SCOPE: ['a.default.svc.cluster.local'] })
    const [before, beforeScoped] = [mesh.for(PROXY), mesh.for(scoped)]
    mesh.set(service('b', 'addresses: [10.9.0.1]', 9091))
    const after = mesh.for(PROXY)
    assert.notEqual(after, before)
    assert.ok(Number(after.version) > Number(before.version))
    assert.equal(mesh.for(scoped), beforeScoped)
    assert.equal(after.resources.cluster, before.resources.cluster)
    assert.equal(after.resources.listener.get('127.0.0.1_9090'), before.resources.listener.get('127.0.0.1_9090'))
    assert.deepEqual(names(after)['listener'], ['10.9.0.1_9091', '127.0.0.1_9090'])
  })

  test('that makes no difference for proxies makes no snapshot', () => {
    const mesh = new Mesh()
    mesh.set(service('a'))
    const before = mesh.for(PROXY)
    mesh.set(service('a').replace('{ name: a }', '{ name: a, labels: { team: x } }'))
    assert.equal(mesh.for(PROXY), before)
  })

  test('is told by the version of the first snapshot that has it', () => {
    const mesh = new Mesh()
    mesh.set(service('a'), service('b', '', 9091))
    const first = Number(mesh.for(PROXY).version)
    mesh.set(service('b', 'addresses: [10.9.0.1]', 9091))
    const second = Number(mesh.for(PROXY).version)
    assert.deepEqual([...mesh.snapshots.members(PROXY)].sort(), [
      ['a.default.svc.cluster.local', first],
      ['b.default.svc.cluster.local', second],
    ])
  })

  test('brings a service that was only routed to until then', () => {
    const mesh = new Mesh()
    mesh.set(service('a'), router('a', 'b'))
    const scoped = node('scoped', { SCOPE: ['a.default.svc.cluster.local'] })
    assert.equal(mesh.for(scoped).resources.cluster.size, 1)
    mesh.set(service('b', '', 9091))
    assert.equal(mesh.for(scoped).resources.cluster.size, 2)
    mesh.change([], ['ServiceEntry/default/b'])
    assert.equal(mesh.for(scoped).resources.cluster.size, 1)
  })

  test('for nodes that see the same is one snapshot', () => {
    const mesh = new Mesh()
    mesh.set(service('a'))
    const hosts = ['a.default.svc.cluster.local', 'z.example.com']
    assert.equal(
      mesh.for(node('1', { SCOPE: hosts })),
      mesh.for(node('2', { SCOPE: hosts.toReversed(), other: 'metadata' })),
    )
  })
})

describe('a service whose translation breaks', () => {
  test('stays as it was, is told of, and costs no other service', () => {
    const mesh = new Mesh()
    mesh.set(service('a'), service('b', '', 9091))
    const before = mesh.for(PROXY)
    mesh.broken.add('a.default.svc.cluster.local')
    mesh.set(service('a', 'addresses: [10.9.0.1]'), service('b', 'addresses: [10.9.0.2]', 9091))
    const after = mesh.for(PROXY)
    assert.deepEqual(names(after)['listener'], ['10.9.0.2_9091', '127.0.0.1_9090'])
    assert.equal(after.resources.listener.get('127.0.0.1_9090'), before.resources.listener.get('127.0.0.1_9090'))
    assert.deepEqual(shown(mesh.snapshots.notes()), ['error translation-failed ServiceEntry/default/a '])
    assert.ok(mesh.lines.some((line) => line.includes('a service cannot be translated')))
    mesh.broken.clear()
    mesh.set(service('a', 'addresses: [10.9.0.3]'))
    assert.deepEqual(names(mesh.for(PROXY))['listener'], ['10.9.0.2_9091', '10.9.0.3_9090'])
    assert.deepEqual(mesh.snapshots.notes(), [])
  })

  test('from the start has nothing', () => {
    const mesh = new Mesh()
    mesh.broken.add('a.default.svc.cluster.local')
    mesh.set(service('a'), service('b', '', 9091))
    assert.deepEqual(names(mesh.for(PROXY))['listener'], ['127.0.0.1_9091'])
  })
})

test('scopes that nobody asks for are forgotten, and never more than a bound are kept', () => {
  const mesh = new Mesh()
  mesh.set(service('a'))
  const count = () => valueOf(mesh.metrics, 'control_plane.scopes')
  for (let index = 0; index < 5_000; index++) mesh.for(node(`n${index}`, { SCOPE: [`${index}.example.com`] }))
  for (let round = 0; round < 3; round++) {
    mesh.for(PROXY)
    mesh.set(service('a', `addresses: [10.9.0.${round}]`))
  }
  assert.ok(count() > 1 && count() <= 4_096, `${count()}`)
  for (let round = 0; round < 80; round++) {
    mesh.for(PROXY)
    mesh.set(service('a', `addresses: [10.8.0.${round}]`))
  }
  assert.equal(count(), 1)
})
