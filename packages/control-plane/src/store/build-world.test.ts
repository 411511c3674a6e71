import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keyOf } from '@meltemi/api'
import { byKey, resources, serviceOf, shown, WORLD_OPTIONS, worldOf } from '../testing/resources.ts'
import { WorldBuilder } from './build-world.ts'

const ENTRY = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: hello }
spec:
  hosts: [hello.default.svc.cluster.local]
  ports: [{ number: 9090, name: tcp-metaprotocol-thrift-hello, protocol: TCP }]
  resolution: STATIC
  workloadSelector: { labels: { app: hello } }
`
const WORKLOADS = `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: hello-v1 }
spec: { address: 10.0.0.1, labels: { app: hello, version: v1 } }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: hello-v2, labels: { version: v2 } }
spec: { address: 10.0.0.2, ports: { tcp-metaprotocol-thrift-hello: 19090 }, labels: { app: hello, version: v1 }, weight: 3 }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: other }
spec: { address: 10.0.0.3, labels: { app: other } }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: elsewhere, namespace: test }
spec: { address: 10.0.0.4, labels: { app: hello } }
`

describe('a ServiceEntry', () => {
  test('selects WorkloadEntries of its namespace by their labels, of which those of the metadata win', () => {
    const { endpoints, resolution, addresses, exportTo } = serviceOf(`${ENTRY}---${WORKLOADS}`)
    assert.deepEqual({ resolution, addresses, exportTo }, { resolution: 'static', addresses: [], exportTo: ['*'] })
    assert.deepEqual(
      endpoints.map(({ address, ports, labels, weight }) => [address, ports.get(9090), labels['version'], weight]),
      [
        ['10.0.0.1', 9090, 'v1', 1],
        ['10.0.0.2', 19090, 'v2', 3],
      ],
    )
  })

  test('with endpoints of its own takes their ports by name, then targetPort', () => {
    const { endpoints, ports } = serviceOf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: a }
spec:
  hosts: [a.example.com]
  ports: [{ number: 80, name: tcp, targetPort: 8080 }, { number: 81, name: tcp-metaprotocol-thrift }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1, ports: { tcp: 1234 } }, { address: 10.0.0.2 }]
`)
    assert.deepEqual(
      endpoints.map(({ ports: mapped }) => [...mapped]),
      [
        [
          [80, 1234],
          [81, 81],
        ],
        [
          [80, 8080],
          [81, 81],
        ],
      ],
    )
    assert.deepEqual(
      ports.map(({ protocol }) => protocol?.name),
      [undefined, 'thrift'],
    )
  })

  test('that resolves by DNS and has no endpoints is where its own name leads', () => {
    const { endpoints, resolution } = serviceOf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: a }
spec: { hosts: [a.example.com], ports: [{ number: 80, name: tcp }], resolution: DNS }
`)
    assert.equal(resolution, 'dns')
    assert.deepEqual(
      endpoints.map(({ address }) => address),
      ['a.example.com'],
    )
  })

  test('without a resolution is refused, in words that say what to do', () => {
    const world = worldOf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: a }
spec: { hosts: [a.example.com], ports: [{ number: 80, name: tcp }] }
`)
    assert.deepEqual(shown(world.notes), ['error not-supported-yet ServiceEntry/default/a spec.resolution'])
    assert.equal(world.notes[0]?.fix, 'say STATIC or DNS')
  })

  test('of an unknown protocol gets a note with the known ones, and never plain TCP', () => {
    const world = worldOf(ENTRY.replace('thrift-hello', 'nosuch-hello'))
    assert.deepEqual(shown(world.notes), ['error unknown-protocol ServiceEntry/default/hello spec.ports.0.name'])
    assert.equal(world.notes[0]?.fix, 'known are: awesomerpc, thrift')
    assert.deepEqual(world.services.get('hello.default.svc.cluster.local')?.ports, [])
  })

  test('with a selector that selects everything selects nothing', () => {
    assert.deepEqual(serviceOf(`${ENTRY.replace('{ app: hello }', '{}')}---${WORKLOADS}`).endpoints, [])
  })

  test('is multiplexed when its annotation says so', () => {
    const annotated = ENTRY.replace(
      '{ name: hello }',
      '{ name: hello, annotations: { meltemi.io/multiplexing: "true" } }',
    )
    assert.equal(serviceOf(annotated).multiplexing, true)
    assert.equal(serviceOf(ENTRY).multiplexing, false)
  })

  test('exported to its own namespace and others says so by name', () => {
    const { exportTo } = serviceOf(ENTRY.replace('resolution', 'exportTo: [".", test]\n  resolution'))
    assert.deepEqual(exportTo, ['default', 'test'])
  })
})

const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: hello, namespace: shop }
spec:
  selector: { app: hello }
  ports: [{ name: tcp-metaprotocol-thrift-hello-server, port: 9090, targetPort: 9091 }]
`
const SLICE = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: hello-1, namespace: shop, labels: { kubernetes.io/service-name: hello, version: v1 } }
addressType: IPv4
ports: [{ name: tcp-metaprotocol-thrift-hello-server, port: 7777, protocol: TCP }]
endpoints:
  - { addresses: [10.1.0.1], conditions: { ready: true } }
  - { addresses: [10.1.0.2], conditions: { ready: false } }
  - { addresses: [10.1.0.3] }
`

describe('a Service', () => {
  test('has the endpoints of its EndpointSlices that are ready, with the labels of the slice', () => {
    const { host, endpoints } = serviceOf(`${SERVICE}---${SLICE}`)
    assert.equal(host, 'hello.shop.svc.cluster.local')
    assert.deepEqual(
      endpoints.map(({ address, ports, labels }) => [address, ports.get(9090), labels['version']]),
      [
        ['10.1.0.1', 7777, 'v1'],
        ['10.1.0.3', 7777, 'v1'],
      ],
    )
  })

  test('without slices selects WorkloadEntries, by a number or a name of their port', () => {
    const workload = `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: a, namespace: shop }
spec: { address: 10.0.0.1, labels: { app: hello }, ports: { main: 5555 } }
`
    const byNumber = serviceOf(`${SERVICE}---${workload}`)
    assert.equal(byNumber.endpoints[0]?.ports.get(9090), 9091)
    const byName = serviceOf(`${SERVICE.replace('9091', 'main')}---${workload}`)
    assert.equal(byName.endpoints[0]?.ports.get(9090), 5555)
    const missing = worldOf(`${SERVICE.replace('9091', 'other')}---${workload}`)
    assert.deepEqual(shown(missing.notes), ['warning unknown-port WorkloadEntry/shop/a spec'])
  })

  test('has its cluster addresses, but for None', () => {
    const withAddress = (text: string) => serviceOf(SERVICE.replace('selector', `${text}\n  selector`)).addresses
    assert.deepEqual(withAddress('clusterIP: 10.9.0.1'), ['10.9.0.1'])
    assert.deepEqual(withAddress('clusterIPs: [10.9.0.1, "fd00::1"]'), ['10.9.0.1', 'fd00::1'])
    assert.deepEqual(withAddress('clusterIP: None'), [])
  })

  test('serves only its TCP ports', () => {
    const world = worldOf(SERVICE.replace('ports: [', 'ports: [{ name: dns, port: 53, protocol: UDP }, '))
    const view = world.services.get('hello.shop.svc.cluster.local')
    assert.deepEqual(
      view?.ports.map(({ number }) => number),
      [9090],
    )
    assert.deepEqual(shown(world.notes), ['warning no-effect Service/shop/hello spec.ports.0.protocol'])
  })
})

describe('names in keys mean nothing but themselves', () => {
  test('labels, ports and annotations that every object inherits are not there', () => {
    const { endpoints } = serviceOf(`
apiVersion: v1
kind: Service
metadata: { name: hello }
spec: { selector: { app: hello }, ports: [{ name: toString, port: 80, targetPort: constructor }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: a }
spec: { address: 10.0.0.1, labels: { app: hello } }
`)
    assert.deepEqual([...(endpoints[0]?.ports ?? [])], [])
  })
})

function router(name: string, created = ''): string {
  return `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: ${name}${created === '' ? '' : `, creationTimestamp: "${created}"`} }
spec:
  hosts: [hello.default.svc.cluster.local]
  routes: [{ name: ${name}, route: [{ destination: { host: hello.default.svc.cluster.local } }] }]
`
}

describe('of several for one host', () => {
  test('the router that was created first is in force, and the other hears of it', () => {
    const world = worldOf([ENTRY, router('a', '2026-02-02T00:00:00Z'), router('b', '2026-01-01T00:00:00Z')].join('---'))
    assert.equal(world.services.get('hello.default.svc.cluster.local')?.router?.metadata.name, 'b')
    assert.deepEqual(shown(world.notes), ['error duplicate-router MetaRouter/default/a spec.hosts.0'])
  })

  test('without a time of creation the first by name is in force', () => {
    assert.equal(serviceOf([ENTRY, router('z'), router('y')].join('---')).router?.metadata.name, 'y')
  })

  test('the rule whose host, completed by its namespace, is the same', () => {
    const rule = (name: string, host: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name} }
spec: { host: ${host} }
`
    const text = [ENTRY, rule('b', 'hello.default.svc.cluster.local'), rule('a', 'hello')].join('---')
    const world = worldOf(text)
    assert.equal(world.services.get('hello.default.svc.cluster.local')?.destinationRule?.metadata.name, 'a')
    assert.deepEqual(shown(world.notes), ['error duplicate-destination-rule DestinationRule/default/b spec.host'])
  })

  test('the service of the older resource is there', () => {
    const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: z, namespace: shop }
spec: { hosts: [hello.shop.svc.cluster.local], resolution: STATIC, ports: [{ number: 1, name: tcp }] }
`
    const world = worldOf([SERVICE, entry].join('---'))
    assert.equal(world.services.get('hello.shop.svc.cluster.local')?.origin.kind, 'Service')
    assert.deepEqual(shown(world.notes), ['error duplicate-host ServiceEntry/shop/z spec.hosts.0'])
  })

  test('a router for no service is told so until there is one', () => {
    const builder = new WorldBuilder(WORLD_OPTIONS)
    const lonely = builder.apply({ set: byKey(resources(router('a'))), deleted: [], modules: new Map() })
    assert.deepEqual(shown(lonely.notes), ['warning unknown-host MetaRouter/default/a spec.hosts.0'])
    const world = builder.apply({ set: byKey(resources(ENTRY)), deleted: [], modules: new Map() })
    assert.deepEqual(world.notes, [])
  })
})

function protocol(name: string, protocolName: string, codec = `my.${protocolName}`): string {
  return `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: ${name} }
spec: { protocol: ${protocolName}, codec: ${codec} }
`
}

describe('protocols', () => {
  test('the longest name that fits counts, and it counts from the moment it is there', () => {
    const builder = new WorldBuilder(WORLD_OPTIONS)
    const entry = ENTRY.replace('tcp-metaprotocol-thrift-hello', 'tcp-metaprotocol-my-protocol-hello')
    const nameOf = () => builder.world.services.get('hello.default.svc.cluster.local')?.ports[0]?.protocol?.name
    const add = (text: string) => builder.apply({ set: byKey(resources(text)), deleted: [], modules: new Map() })
    add(entry)
    assert.equal(nameOf(), undefined)
    add(protocol('a', 'my'))
    assert.equal(nameOf(), 'my')
    add(protocol('b', 'my-protocol'))
    assert.equal(nameOf(), 'my-protocol')
  })

  test('a codec that is known has the spelling under which it is registered', () => {
    const world = worldOf(protocol('a', 'fast-thrift', 'aeraki.meta-protocol.codec.thrift'))
    assert.equal(world.protocols.get('fast-thrift')?.codec, 'aeraki.meta_protocol.codec.thrift')
  })

  test('a resource takes the place of a default, and the older of two resources has it', () => {
    const world = worldOf([protocol('b', 'thrift', 'b'), protocol('a', 'thrift', 'a')].join('---'))
    assert.equal(world.protocols.get('thrift')?.codec, 'a')
    assert.deepEqual(shown(world.notes), ['error duplicate-protocol ApplicationProtocol//b spec.protocol'])
  })

  test('with a module it is ready when the module is there', () => {
    const text = `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: a }
spec: { protocol: mine, codec: my.codec, module: { url: "file:codec.mjs", sha256: ${'0'.repeat(64)} } }
---${ENTRY.replace('thrift-hello', 'mine')}`
    const builder = new WorldBuilder(WORLD_OPTIONS)
    const set = byKey(resources(text))
    const before = builder.apply({ set, deleted: [], modules: new Map() })
    assert.equal(before.protocols.get('mine')?.isReady, false)
    assert.deepEqual(shown(before.notes), ['warning module-unavailable ApplicationProtocol//a spec.module'])
    const module = { digest: '0'.repeat(64), source: Buffer.from('x') }
    const modules = new Map([['ApplicationProtocol//a', { module, problem: '', isPending: false }]])
    const after = builder.apply({ set: new Map(), deleted: [], modules })
    const port = after.services.get('hello.default.svc.cluster.local')?.ports[0]
    assert.equal(port?.protocol?.module, module)
    assert.equal(port?.protocol?.isReady, true)
    assert.deepEqual(after.notes, [])
  })

  test('two modules for one codec cannot both be in force', () => {
    const text = ['a', 'b'].map(
      (name) => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: ${name} }
spec: { protocol: ${name}, codec: my_codec, module: { url: "file:codec.mjs", sha256: ${'0'.repeat(64)} } }
`,
    )
    const builder = new WorldBuilder(WORLD_OPTIONS)
    const state = (digest: string) => ({
      module: { digest, source: Buffer.from(digest) },
      problem: '',
      isPending: false,
    })
    const modules = new Map([
      ['ApplicationProtocol//a', state('1')],
      ['ApplicationProtocol//b', state('2')],
    ])
    const world = builder.apply({ set: byKey(resources(text.join('---'))), deleted: [], modules })
    assert.equal(world.protocols.get('a')?.isReady, true)
    assert.equal(world.protocols.get('b')?.isReady, false)
    assert.deepEqual(shown(world.notes), ['error duplicate-protocol ApplicationProtocol//b spec.module'])
  })
})

test('a resource that breaks the code costs only its own service', () => {
  const builder = new WorldBuilder(WORLD_OPTIONS)
  const good = resources(SERVICE)
  const [entry] = resources(ENTRY)
  assert.ok(entry?.kind === 'ServiceEntry')
  builder.apply({ set: byKey([entry]), deleted: [], modules: new Map() })
  const before = builder.world.services.get('hello.default.svc.cluster.local')
  // What should never be accepted: a port without a name.
  const broken = {
    ...entry,
    metadata: { ...entry.metadata, resourceVersion: 'x' },
    spec: { ...entry.spec, ports: [null] },
  }
  const set = byKey([...good, broken as unknown as typeof entry])
  const world = builder.apply({ set, deleted: [], modules: new Map() })
  assert.equal(world.services.get('hello.default.svc.cluster.local'), before)
  assert.ok(world.services.has('hello.shop.svc.cluster.local'))
  assert.deepEqual(shown(world.notes), [`error translation-failed ${keyOf(entry)} `])
})

describe('a policy of authorization', () => {
  const policy = (hosts: string, namespace = 'default') => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaAuthorizationPolicy
metadata: { name: p, namespace: ${namespace} }
spec: { hosts: ${hosts}, rules: [{}] }
`

  test('is for services of its own namespace, and hears of those that are not', () => {
    const named = policy('[hello, hello.default.svc.cluster.local., none]')
    const key = 'MetaAuthorizationPolicy/default/p'
    assert.deepEqual(shown(worldOf(`${ENTRY}---${named}`).notes), [`warning unknown-host ${key} spec.hosts.2`])
    const stranger = worldOf(`${ENTRY}---${policy('[hello.default.svc.cluster.local]', 'other')}`)
    assert.deepEqual(shown(stranger.notes), ['warning unknown-host MetaAuthorizationPolicy/other/p spec.hosts.0'])
    assert.match(stranger.notes[0]?.message ?? '', /is that of ServiceEntry default\/hello/)
    assert.deepEqual(stranger.services.get('hello.default.svc.cluster.local')?.policies, [])
  })

  test('that comes, changes and goes changes the services that it is for, and no others', () => {
    const builder = new WorldBuilder(WORLD_OPTIONS)
    const other = ENTRY.replaceAll('hello', 'other').replace('{ name: other }', '{ name: other, namespace: test }')
    const apply = (yaml: string, deleted: readonly string[] = []) =>
      builder.apply({ set: byKey(resources(yaml)), deleted: deleted as never, modules: new Map() })
    apply(`${ENTRY}---${other}`)
    const host = 'hello.default.svc.cluster.local'
    assert.deepEqual([...apply(policy('[]')).changedHosts], [host])
    assert.equal(builder.world.services.get(host)?.policies.length, 1)
    // it names another service now
    assert.deepEqual([...apply(policy('[none]')).changedHosts].sort(), [host, 'none.default.svc.cluster.local'])
    assert.equal(builder.world.services.get(host)?.policies.length, 0)
    apply(policy('[hello]'))
    assert.equal(builder.world.services.get(host)?.policies.length, 1)
    apply(other, ['MetaAuthorizationPolicy/default/p'])
    assert.equal(builder.world.services.get(host)?.policies.length, 0)
    assert.deepEqual(builder.world.notes, [])
  })
})
