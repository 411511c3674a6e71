import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PlacedResource, type Problem, parseResources } from '@meltemi/api'
import { stringify } from 'yaml'
import { type AnalyzeOptions, analyze } from './analyze.ts'
import { validateResources } from './store/validate.ts'

const THRIFT = 'aeraki.meta_protocol.codec.thrift'
const OPTIONS: AnalyzeOptions = {
  domain: 'cluster.local',
  defaultProtocols: [{ protocol: 'thrift', codec: THRIFT }],
  codecs: [THRIFT],
  listenHost: '127.0.0.1',
}
const ISTIO = 'networking.istio.io/v1'
const OWN = 'metaprotocol.aeraki.io/v1alpha1'

interface Sketch {
  readonly kind: string
  readonly name: string
  readonly spec: object
}

function parse(...sketches: readonly Sketch[]): readonly PlacedResource[] {
  const documents = sketches.map(({ kind, name, spec }) => {
    const apiVersion = kind === 'Service' ? 'v1' : ['MetaRouter', 'ApplicationProtocol'].includes(kind) ? OWN : ISTIO
    return stringify({ apiVersion, kind, metadata: { name }, spec })
  })
  const { resources, problems } = parseResources(documents.join('---\n'), 'f.yaml')
  const errors = [...problems, ...validateResources(resources)].filter(({ severity }) => severity === 'error')
  assert.deepEqual(errors, [])
  return resources
}

function find(...sketches: readonly Sketch[]): readonly Problem[] {
  return analyze(parse(...sketches), OPTIONS)
}

/** `severity code path` of each problem. */
function told(...sketches: readonly Sketch[]): readonly string[] {
  return find(...sketches).map(({ severity, code, path }) => `${severity} ${code} ${path}`)
}

function entry(name: string, fields: object = {}): Sketch {
  const spec = {
    hosts: [`${name}.mesh`],
    addresses: [`240.240.0.${name.length}`],
    ports: [{ number: 9090, name: 'tcp-metaprotocol-thrift' }],
    resolution: 'STATIC',
    endpoints: [{ address: '10.0.0.1', labels: { version: 'v1' } }],
    ...fields,
  }
  return { kind: 'ServiceEntry', name, spec }
}

function router(name: string, routes: readonly object[], host = 'a.mesh'): Sketch {
  return { kind: 'MetaRouter', name, spec: { hosts: [host], routes } }
}

function to(host: string, fields: object = {}): object {
  return { route: [{ destination: { host, ...fields } }] }
}

function subsets(name: string, host: string, ...versions: readonly string[]): Sketch {
  const spec = { host, subsets: versions.map((version) => ({ name: version, labels: { version } })) }
  return { kind: 'DestinationRule', name, spec }
}

test('resources that fit together have no problems', () => {
  const rule = subsets('a', 'a.mesh', 'v1')
  const protocol = {
    kind: 'ApplicationProtocol',
    name: 't',
    spec: { protocol: 'thrift', codec: THRIFT.replaceAll('_', '-') },
  }
  assert.deepEqual(
    told(entry('a'), rule, protocol, router('r', [to('a.mesh', { subset: 'v1', port: { number: 9090 } })])),
    [],
  )
})

test('a subset that no DestinationRule has is an error at its place, with those that there are', () => {
  const problems = find(entry('a'), subsets('a', 'a.mesh', 'v1'), router('r', [to('a.mesh', { subset: 'v2' })]))
  assert.deepEqual(
    problems.map(({ severity, code, file, line, path, fix }) => [severity, code, file, line, path, fix]),
    [['error', 'missing-subset', 'f.yaml', 41, 'spec.routes[0].route[0].destination.subset', 'its subsets are v1']],
  )
  assert.equal(find(entry('a'), router('r', [to('a.mesh', { subset: 'v1' })]))[0]?.fix, 'add a DestinationRule with it')
})

test('a subset of a mirror is looked at, too', () => {
  const mirrored = { ...to('a.mesh'), mirror: { host: 'a.mesh', subset: 'v9' } }
  assert.deepEqual(told(entry('a'), router('r', [mirrored])), ['error missing-subset spec.routes[0].mirror.subset'])
})

test('hosts that no service has', () => {
  assert.deepEqual(
    told(
      entry('a'),
      router(
        'r',
        [to('b.mesh'), to('a.mesch')].map((each, index) => ({
          ...each,
          match: { attributes: { m: { exact: `${index}` } } },
        })),
      ),
    ),
    [
      'error unknown-host spec.routes[0].route[0].destination.host',
      'error unknown-host spec.routes[1].route[0].destination.host',
    ],
  )
  assert.equal(find(entry('a'), router('r', [to('a.mesch')]))[0]?.fix, 'did you mean a.mesh?')
  assert.deepEqual(told(entry('a'), router('r', [to('a.mesh')], 'x.mesh')), ['warning unknown-host spec.hosts[0]'])
  assert.deepEqual(told(entry('a'), subsets('a', 'short', 'v1')), ['warning unknown-host spec.host'])
})

test('a Service has the host of its name, namespace and domain', () => {
  const service = {
    kind: 'Service',
    name: 's',
    spec: { ports: [{ port: 9090, name: 'tcp-metaprotocol-thrift' }], selector: { app: 's' } },
  }
  const workload = { kind: 'WorkloadEntry', name: 'w', spec: { address: '10.0.0.1', labels: { app: 's' } } }
  const host = 's.default.svc.cluster.local'
  assert.deepEqual(told(service, workload, router('r', [to(host)], host)), [])
})

test('ports that the service of a destination does not have', () => {
  const other = entry('bb', { ports: [{ number: 9091, name: 'tcp-metaprotocol-thrift' }] })
  const port = (fields: object) => told(entry('a'), other, router('r', [to('bb.mesh', fields)]))
  assert.deepEqual(port({ port: { number: 9091 } }), [])
  assert.deepEqual(port({ port: { number: 9090 } }), [
    'error unknown-port spec.routes[0].route[0].destination.port.number',
  ])
  assert.deepEqual(
    port({}),
    ['error unknown-port spec.routes[0].route[0].destination'],
    'the port of the listener is not there',
  )
})

test('a route that an earlier one takes everything of is shadowed', () => {
  const by = (...attributes: readonly object[]) =>
    told(
      entry('a'),
      router(
        'r',
        attributes.map((each) => ({ match: { attributes: each }, ...to('a.mesh') })),
      ),
    )
  const second = ['warning shadowed-route spec.routes[1]']
  assert.deepEqual(by({ m: { exact: 'a' } }, { m: { exact: 'a' } }), second)
  assert.deepEqual(by({ m: { exact: 'a' } }, { m: { exact: 'a' }, n: { exact: 'b' } }), second)
  assert.deepEqual(by({ m: { prefix: 'a' } }, { m: { exact: 'ab' } }), second)
  assert.deepEqual(by({ m: { prefix: 'a' } }, { m: { prefix: 'ab' } }), second)
  assert.deepEqual(by({ m: { regex: 'a.*' } }, { m: { exact: 'ab' } }), second)
  assert.deepEqual(by({ M: { exact: '' } }, { m: { regex: 'x+' } }), second)
  assert.deepEqual(by({ m: { exact: 'a' }, n: { exact: 'b' } }, { m: { exact: 'a' } }), [])
  assert.deepEqual(by({ m: { exact: 'a' } }, { m: { prefix: 'a' } }), [])
  assert.deepEqual(by({ m: { regex: 'a' } }, { m: { exact: 'ab' } }), [])
  assert.deepEqual(by({ m: { exact: 'a' } }, { n: { exact: 'a' } }), [])
})

test('of two resources for one host the younger one is told', () => {
  const older = entry('a', { addresses: ['10.1.1.1'] })
  assert.deepEqual(told(older, { ...entry('b', { hosts: ['a.mesh'] }) }), ['error duplicate-host spec.hosts[0]'])
  assert.deepEqual(told(older, router('r1', [to('a.mesh')]), router('r2', [to('a.mesh')])), [
    'error duplicate-router spec.hosts[0]',
  ])
  assert.deepEqual(told(older, subsets('d1', 'a.mesh', 'v1'), subsets('d2', 'a.mesh', 'v1')), [
    'error duplicate-destination-rule spec.host',
  ])
})

test('ports whose names begin like those of a protocol and name none', () => {
  const port = (name: string) => find(entry('a', { ports: [{ number: 1, name }] }))
  const [unknown] = port('tcp-metaprotocol-trift-hello')
  assert.deepEqual(
    [unknown?.severity, unknown?.code, unknown?.path, unknown?.fix],
    ['error', 'unknown-protocol', 'spec.ports[0].name', 'known are: thrift'],
  )
  assert.deepEqual(
    port('tcp-metaprotocol').map(({ severity, code }) => [severity, code]),
    [['error', 'malformed-port-name']],
  )
  assert.deepEqual(port('tcp-redis'), [])
})

test('a protocol may have hyphens in its name, and a resource may bring it', () => {
  const protocol = { kind: 'ApplicationProtocol', name: 'p', spec: { protocol: 'my-protocol', codec: THRIFT } }
  assert.deepEqual(
    told(protocol, entry('a', { ports: [{ number: 1, name: 'tcp-metaprotocol-my-protocol-hello' }] })),
    [],
  )
  assert.deepEqual(told(protocol, { ...protocol, name: 'q' }), ['error duplicate-protocol spec.protocol'])
})

test('a codec that nobody has is a warning, unless a module brings it', () => {
  const spec = { protocol: 'x', codec: 'aeraki.meta_protocol.codec.trift' }
  const [problem] = find({ kind: 'ApplicationProtocol', name: 'p', spec })
  assert.deepEqual(
    [problem?.severity, problem?.code, problem?.fix],
    ['warning', 'unknown-codec', `did you mean ${THRIFT}?`],
  )
  const module = { url: 'file:./codec.mjs', sha256: 'a'.repeat(64) }
  assert.deepEqual(told({ kind: 'ApplicationProtocol', name: 'p', spec: { ...spec, module } }), [])
})

test('services and subsets without workloads', () => {
  const selected = entry('a', { endpoints: undefined, workloadSelector: { labels: { app: 'a' } } })
  const [problem] = find(selected)
  assert.deepEqual(
    [problem?.severity, problem?.code, problem?.fix],
    ['warning', 'no-endpoints', 'add a WorkloadEntry in the namespace default with the labels app: a'],
  )
  assert.deepEqual(told(entry('a'), subsets('d', 'a.mesh', 'v1', 'v2')), ['warning no-endpoints spec.subsets[1]'])
  assert.deepEqual(told(entry('a', { resolution: 'DNS', endpoints: undefined })), [], 'its host is resolved')
})

test('two services at one address and port: the first has it', () => {
  const problems = find(entry('a', { addresses: [] }), entry('b', { addresses: [] }))
  assert.deepEqual(
    problems.map(({ severity, code, path, message }) => [severity, code, path, message]),
    [
      [
        'error',
        'address-conflict',
        'spec.ports[0]',
        '127.0.0.1:9090 is that of service a.mesh, which is older, on proxies that see both',
      ],
    ],
  )
  assert.deepEqual(told(entry('a'), entry('c')), ['error address-conflict spec.ports[0]'])
  assert.deepEqual(told(entry('a'), entry('bb')), [])
})

test('a service that would listen where its own workload does', () => {
  const own = entry('a', { addresses: [], endpoints: [{ address: '127.0.0.1' }] })
  assert.deepEqual(told(own), ['error address-conflict spec.ports[0]'])
})

test('what is asked for and not there yet is an error', () => {
  assert.deepEqual(told(entry('a', { resolution: 'NONE', endpoints: undefined })), [
    'error not-supported-yet spec.resolution',
  ])
})

test('problems come in the order of the resources and of their text', () => {
  const problems = find(
    router(
      'r',
      [to('a.mesh', { subset: 'v8' }), to('b.mesh')].map((each, index) => ({
        match: { attributes: { m: { exact: `${index}` } } },
        ...each,
      })),
    ),
    entry('a', { endpoints: undefined, ports: [{ number: 1, name: 'tcp-metaprotocol' }] }),
  )
  assert.deepEqual(
    problems.map(({ line }) => line),
    problems.map(({ line }) => line).toSorted((a, b) => a - b),
  )
  assert.deepEqual(
    problems.map(({ code }) => code),
    ['missing-subset', 'unknown-host', 'no-endpoints', 'malformed-port-name'],
  )
})
