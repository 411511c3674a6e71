import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type PlacedResource, type Problem, parseResources } from '@meltemi/api'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { validateResource, validateResources } from './validate.ts'

const TEMPLATE = fileURLToPath(new URL('../../../create-meltemi-codec/template/common/mesh', import.meta.url))

function parse(text: string): readonly PlacedResource[] {
  const { resources, problems } = parseResources(text, 'f.yaml')
  assert.deepEqual(problems, [])
  return resources
}

function check(text: string): readonly Problem[] {
  return validateResources(parse(text))
}

/** `severity code line path` of each problem. */
function told(text: string): readonly string[] {
  return check(text).map(({ severity, code, line, path }) => `${severity} ${code} ${line} ${path}`)
}

function only(text: string): Problem {
  const problems = check(text)
  assert.equal(problems.length, 1, problems.map(({ path, message }) => `${path}: ${message}`).join('\n'))
  return problems[0] as Problem
}

function router(spec: unknown): string {
  return stringify({
    apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
    kind: 'MetaRouter',
    metadata: { name: 'r', namespace: 'own' },
    spec,
  })
}

/** A router of one route that is right but for what is given. */
function route(fields: object): string {
  return router({ hosts: ['a.b'], routes: [{ route: [{ destination: { host: 'a.b' } }], ...fields }] })
}

function rule(spec: object): string {
  return stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'd' },
    spec: { host: 'a.b', ...spec },
  })
}

function entry(spec: object): string {
  return stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 's', namespace: 'own' },
    spec: { hosts: ['a.b'], resolution: 'STATIC', ...spec },
  })
}

function service(spec: object): string {
  return stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec })
}

test('what users of the reference write is valid as it stands', () => {
  const tutorial = `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata:
  name: thrift
  namespace: istio-system
spec:
  protocol: thrift
  codec: aeraki.meta_protocol.codec.thrift
---
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata:
  name: dubbo-demoservice
  namespace: meta-dubbo
  annotations:
    interface: org.apache.dubbo.samples.basic.api.DemoService
spec:
  hosts:
    - org.apache.dubbo.samples.basic.api.demoservice
  addresses:
    - 240.240.0.20
  ports:
    - number: 20880
      name: tcp-metaprotocol-dubbo
      protocol: TCP
  workloadSelector:
    labels:
      app: dubbo-sample-provider
  resolution: STATIC
---
apiVersion: v1
kind: Service
metadata:
  name: thrift-sample-server
spec:
  selector:
    app: thrift-sample-server
  ports:
    - name: tcp-metaprotocol-thrift-hello-server
      protocol: TCP
      port: 9090
      targetPort: 9090
---
apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata:
  name: demoservice
spec:
  host: org.apache.dubbo.samples.basic.api.demoservice
  trafficPolicy:
    loadBalancer:
      consistentHash:
        httpHeaderName: method
  subsets:
    - name: v1
      labels:
        version: v1
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata:
  name: test-metaprotocol-thrift-route
spec:
  hosts:
    - thrift-sample-server.meta-thrift.svc.cluster.local
  routes:
    - name: v1
      match:
        attributes:
          method:
            regex: "^say.*o$"
      requestMutation:
        - key: foo
          value: bar
      route:
        - destination:
            host: thrift-sample-server.meta-thrift.svc.cluster.local
            subset: v1
          weight: 20
        - destination:
            host: thrift-sample-server.meta-thrift.svc.cluster.local
            subset: v2
            port: { number: 9090 }
          weight: 80
      mirror:
        host: thrift-sample-server.meta-thrift.svc.cluster.local
        subset: v2
      mirrorPercentage:
        value: 12.5
  exportTo: ["."]
`
  const { resources } = parseResources(tutorial, 'f.yaml')
  assert.equal(resources.length, 5)
  assert.deepEqual(validateResources(resources), [])
})

test('the resources of every new codec project are valid', () => {
  const files = readdirSync(TEMPLATE)
  assert.ok(files.length >= 4)
  for (const file of files) assert.deepEqual(check(readFileSync(join(TEMPLATE, file), 'utf8')), [], file)
})

test('retries whose conditions there are not, or that would never have their time, are told of', () => {
  const route = (fields: object) => ({
    hosts: ['a.b'],
    routes: [{ route: [{ destination: { host: 'a.b' } }], ...fields }],
  })
  const told = (fields: object) => check(router(route(fields))).map(({ path, message }) => `${path}: ${message}`)
  const right = { attempts: 2, perTryTimeout: '1s', retryOn: '5xx,non-idempotent', backoff: '10ms' }
  assert.deepEqual(told({ timeout: '3s', retries: right }), [])
  assert.deepEqual(told({ timeout: '0s', retries: right }), [])
  assert.deepEqual(told({ timeout: '500ms', retries: right }), [
    'spec.routes[0].retries.perTryTimeout: is longer than the timeout of the whole request, which ends it before',
  ])
  for (const condition of ['unavailable', '503', 'retriable-headers']) {
    assert.match(
      told({ retries: { attempts: 1, retryOn: `reset,${condition}` } })[0] ?? '',
      /retryOn: there is no condition/,
    )
  }
  for (const fields of [
    { timeout: '3' },
    { retries: {} },
    { retries: { attempts: -1 } },
    { retries: { attempts: 1.5 } },
  ])
    assert.equal(told(fields).length, 1, JSON.stringify(fields))
})

test('a MetaRouter may be for gateways, which none of our proxies are', () => {
  const spec = { hosts: ['a.b'], gateways: ['ns/gateway'], routes: [{ route: [{ destination: { host: 'a.b' } }] }] }
  assert.deepEqual(
    check(router(spec)).map(({ severity, path, code }) => [severity, path, code]),
    [['warning', 'spec.gateways', 'no-effect']],
  )
})

test('all that is wrong with a MetaRouter is reported together', () => {
  const spec = {
    hosts: ['a.1'],
    gateways: ['ns/gateway'],
    exportTo: ['.', 'own', '*'],
    routes: [
      {
        match: { attributes: { method: { exact: 'a', prefix: 'b' }, x: {}, y: { regex: '*' }, z: { regex: '' } } },
        route: [
          { destination: { host: '*.b', subset: 'V_1', port: { number: 0 } }, weight: 70 },
          { destination: { host: 'a.b' }, weight: 101 },
        ],
        requestMutation: [{ key: '', value: 'v' }],
        responseMutation: [{ key: 'k' }],
      },
      { route: [], mirror: { host: 'a.b' }, mirrorPercentage: { value: 0 } },
      { route: [{ destination: { host: 'a.b' } }], mirrorPercentage: { value: 100.5 }, retry: 3 },
    ],
    localRateLimit: {
      tokenBucket: { maxTokens: 0, fillInterval: '100us' },
      tokenBucketScope: { perDownstreamConnection: false, maxBuckets: 5 },
      conditions: [{ match: {}, tokenBucketScope: { attributes: ['a'], maxBuckets: 0 } }],
    },
    globalRateLimit: { domain: '', descriptors: [{ property: 'a' }], match: { attributes: { a: { regex: '(' } } } },
  }
  const paths = check(router(spec)).map(({ path, code }) => `${path} ${code}`)
  assert.deepEqual(
    new Set(paths),
    new Set([
      'spec.hosts[0] invalid-value',
      'spec.gateways no-effect',
      'spec.exportTo[1] duplicate-value',
      'spec.exportTo[2] conflicting-fields',
      'spec.routes[0].match.attributes.method conflicting-fields',
      'spec.routes[0].match.attributes.x missing-field',
      'spec.routes[0].match.attributes.y.regex invalid-regex',
      'spec.routes[0].match.attributes.z.regex invalid-value',
      'spec.routes[0].route[0].destination.host invalid-value',
      'spec.routes[0].route[0].destination.subset invalid-value',
      'spec.routes[0].route[0].destination.port.number invalid-value',
      'spec.routes[0].route[1].weight invalid-value',
      'spec.routes[0].route weights',
      'spec.routes[0].requestMutation[0].key invalid-value',
      'spec.routes[0].responseMutation[0].value missing-field',
      'spec.routes[1].route invalid-value',
      'spec.routes[1].mirrorPercentage.value invalid-value',
      'spec.routes[2] unreachable-route',
      'spec.routes[2].mirrorPercentage.value invalid-value',
      'spec.routes[2].mirrorPercentage conflicting-fields',
      'spec.routes[2].retry unknown-field',
      'spec.localRateLimit.tokenBucket.maxTokens invalid-value',
      'spec.localRateLimit.tokenBucket.tokensPerFill missing-field',
      'spec.localRateLimit.tokenBucket.fillInterval invalid-value',
      'spec.localRateLimit.tokenBucketScope nothing-to-do',
      'spec.localRateLimit.tokenBucketScope.maxBuckets conflicting-fields',
      'spec.localRateLimit.conditions[0].tokenBucket missing-field',
      'spec.localRateLimit.conditions[0].tokenBucketScope conflicting-fields',
      'spec.localRateLimit.conditions[0].tokenBucketScope.maxBuckets invalid-value',
      'spec.globalRateLimit.domain invalid-value',
      'spec.globalRateLimit.requestTimeout missing-field',
      'spec.globalRateLimit.rateLimitService missing-field',
      'spec.globalRateLimit.descriptors[0].descriptorKey missing-field',
      'spec.globalRateLimit.match.attributes.a.regex invalid-regex',
    ]),
  )
})

test('a problem has its line, column, message and fix', () => {
  const { line, column, file, message, fix } = only(
    router({ hosts: ['a.b'], rotes: [], routes: [{ route: [{ destination: { host: 'a.b' } }] }] }),
  )
  assert.deepEqual(
    [file, line, column, message, fix],
    ['f.yaml', 9, 3, 'there is no such field', 'did you mean routes?'],
  )
})

test('exactly one host, or it is an error; so is a router that says nothing', () => {
  assert.deepEqual(told(router({ hosts: ['a.b', 'c.d'], routes: [] })), [
    'error nothing-to-do 6 spec',
    'error invalid-value 7 spec.hosts',
  ])
  assert.equal(
    only(router({ hosts: [], routes: [{ route: [{ destination: { host: 'a.b' } }] }] })).message,
    'expected exactly one host, found a list of 0',
  )
  assert.equal(only(router({ routes: [{ route: [{ destination: { host: 'a.b' } }] }] })).path, 'spec.hosts')
})

test('hosts are names without wildcard, whose last part is no number, of at most 255 characters', () => {
  const label = 'a'.repeat(63)
  const right = ['a', 'a.b', 'A.b-c.D', 'a.b.', '1.2.a', [label, label, label, label.slice(1)].join('.')]
  const wrong = [
    '',
    '.',
    'a..b',
    '-a.b',
    'a-.b',
    'a_b.c',
    '*.b',
    'a.1',
    '10.0.0.1',
    `${label}a.b`,
    `${[label, label, label, label].join('.')}.a`,
  ]
  const hosts = (host: string) =>
    check(router({ hosts: [host], routes: [{ route: [{ destination: { host: 'a.b' } }] }] }))
  for (const host of right) assert.deepEqual(hosts(host), [], host)
  for (const host of wrong) assert.equal(hosts(host)[0]?.path, 'spec.hosts[0]', host)
})

test('weights of several destinations add up to 100; that of a lone one has no effect', () => {
  const weights = (...values: (number | undefined)[]) =>
    told(route({ route: values.map((weight) => ({ destination: { host: 'a.b' }, weight })) }))
  assert.deepEqual(weights(20, 80), [])
  assert.deepEqual(weights(100, 0), [])
  assert.deepEqual(weights(undefined), [])
  assert.deepEqual(weights(100), [])
  assert.deepEqual(weights(20, 70), ['error weights 10 spec.routes[0].route'])
  assert.deepEqual(weights(undefined, undefined), ['error weights 10 spec.routes[0].route'])
  assert.deepEqual(weights(20), ['warning weights 13 spec.routes[0].route[0].weight'])
})

test('regular expressions are those of RE2', () => {
  const regex = (text: string) => check(route({ match: { attributes: { m: { regex: text } } } }))
  for (const text of ['.*', '^a|b$', '(?i)abc', '[[:alpha:]]+', '\\pL+']) assert.deepEqual(regex(text), [], text)
  for (const text of ['(?=a)', '(a)\\1', '[', 'a{2,1}'])
    assert.deepEqual(
      regex(text).map(({ code, path }) => [code, path]),
      [['invalid-regex', 'spec.routes[0].match.attributes.m.regex']],
      text,
    )
  assert.equal(regex('*')[0]?.fix, 'write .* for any value')
})

test('every route behind one without a match is said to be unreachable', () => {
  const destination = [{ destination: { host: 'a.b' } }]
  const some = { match: { attributes: { m: { exact: 'a' } } }, route: destination }
  for (const all of [
    { route: destination },
    { match: {}, route: destination },
    { match: { attributes: {} }, route: destination },
  ]) {
    assert.deepEqual(told(router({ hosts: ['a.b'], routes: [some, all] })), [])
    const problems = check(router({ hosts: ['a.b'], routes: [some, all, some, all] }))
    assert.deepEqual(
      problems.map(({ severity, code, path, fix }) => [severity, code, path, fix]),
      [2, 3].map((index) => ['warning', 'unreachable-route', `spec.routes[${index}]`, 'move routes[1] to the end']),
    )
  }
})

test('exportTo takes namespaces once each, `.` for the own, and `*` or `~` alone', () => {
  const exportTo = (...entries: string[]) =>
    check(router({ hosts: ['a.b'], routes: [{ route: [{ destination: { host: 'a.b' } }] }], exportTo: entries }))
  for (const right of [[], ['.'], ['*'], ['~'], ['.', 'other'], ['one', 'two']])
    assert.deepEqual(exportTo(...right), [], right.join())
  for (const wrong of [['.', '.'], ['.', 'own'], ['*', 'one'], ['one', '~'], ['Upper'], ['']])
    assert.ok(exportTo(...wrong).length > 0, wrong.join())
})

test('a value of another kind than its field is said with what was expected', () => {
  const problems = check(
    router({ hosts: 'a.b', routes: [null, { name: 7, route: [{ destination: { host: 'a.b' }, weight: 'all' }] }] }),
  )
  assert.deepEqual(
    problems.map(({ path, message, fix }) => [path, message, fix]),
    [
      ['spec.hosts', 'expected exactly one host, found "a.b"', undefined],
      ['spec.routes[0]', 'expected a mapping, found nothing', undefined],
      ['spec.routes[1].name', 'expected a string, found 7', 'write it in quotes: "7"'],
      ['spec.routes[1].route[0].weight', 'expected a whole number from 0 to 100, found "all"', undefined],
    ],
  )
})

test('fields that we do not know are errors in our kinds, and have no effect in those of Istio and Kubernetes', () => {
  const protocol =
    'apiVersion: metaprotocol.aeraki.io/v1alpha1\nkind: ApplicationProtocol\nmetadata: {name: a}\nspec: {protocol: a, codec: b, codecs: c}\nspecs: {}\n'
  assert.deepEqual(told(protocol), ['error unknown-field 4 spec.codecs', 'error unknown-field 5 specs'])
  assert.deepEqual(told(entry({ subjectAltNames: ['x'], resolutoin: 'x' })), [
    'warning no-effect 10 spec.subjectAltNames',
    'warning no-effect 12 spec.resolutoin',
  ])
  assert.equal(check(entry({ locatoin: 'MESH_INTERNAL' }))[0]?.fix, 'did you mean location?')
  assert.deepEqual(
    told(
      rule({
        trafficPolicy: { tunnel: { protocol: 'CONNECT' }, loadBalancer: { consistentHash: { useSourceIp: true } } },
      }),
    ),
    [
      'warning no-effect 8 spec.trafficPolicy.tunnel',
      'warning no-effect 11 spec.trafficPolicy.loadBalancer.consistentHash',
      'warning no-effect 12 spec.trafficPolicy.loadBalancer.consistentHash.useSourceIp',
    ],
  )
  assert.deepEqual(told(service({ sessionAffinity: 'ClientIP' })), ['warning no-effect 6 spec.sessionAffinity'])
})

test('tls of a DestinationRule needs what its mode needs, and nothing is ignored silently', () => {
  const tls = (settings: Readonly<Record<string, unknown>>) =>
    check(rule({ trafficPolicy: { tls: settings } })).map(
      ({ severity, code, path }) => `${severity} ${code} ${path.replace('spec.trafficPolicy.tls.', '')}`,
    )
  const files = { clientCertificate: '/c', privateKey: '/k', caCertificates: '/ca' }
  assert.deepEqual(tls({ mode: 'ISTIO_MUTUAL' }), [])
  assert.deepEqual(tls({ mode: 'MUTUAL', ...files, subjectAltNames: ['a'], sni: 'a.b' }), [])
  assert.deepEqual(tls({ mode: 'SIMPLE', insecureSkipVerify: true }), [])
  assert.deepEqual(tls({ mode: 'SIMPLE' }), ['error missing-field caCertificates'])
  assert.deepEqual(tls({ mode: 'MUTUAL', caCertificates: '/ca' }), [
    'error missing-field clientCertificate',
    'error missing-field privateKey',
  ])
  assert.deepEqual(tls({ mode: 'SIMPLE', ...files }), [
    'warning no-effect clientCertificate',
    'warning no-effect privateKey',
  ])
  assert.deepEqual(tls({ mode: 'DISABLE', sni: 'a' }), ['warning no-effect sni'])
  assert.equal(tls({ mode: 'DISABLE', credentialName: 'a' }).length, 1)
})

test('an ApplicationProtocol has a name as it stands in ports, a codec, and a module with its digest', () => {
  const protocol = (spec: unknown) =>
    check(
      stringify({
        apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
        kind: 'ApplicationProtocol',
        metadata: { name: 'p' },
        spec,
      }),
    )
  const sha256 = 'a'.repeat(64)
  assert.deepEqual(
    protocol({
      protocol: 'my-protocol',
      codec: 'aeraki.meta_protocol.codec.my-protocol',
      module: { url: 'file:./codec.mjs', sha256 },
    }),
    [],
  )
  const paths = (spec: unknown) => protocol(spec).map(({ code, path }) => `${code} ${path}`)
  assert.deepEqual(paths({ protocol: '', codec: '' }), ['invalid-value spec.protocol', 'invalid-value spec.codec'])
  assert.deepEqual(paths({ protocol: 'my_protocol', codec: 'a' }), ['invalid-value spec.protocol'])
  assert.deepEqual(paths({ protocol: 'p', codec: 'a', module: { url: 'ftp://a', sha256: '12' } }), [
    'invalid-value spec.module.url',
    'invalid-value spec.module.sha256',
  ])
  assert.deepEqual(paths({ protocol: 'p', codec: 'a', module: { url: 'https://a/b' } }), [
    'missing-field spec.module.sha256',
  ])
  assert.deepEqual(paths({ protocol: 'p', codec: 'a', module: { url: 'oci://a/b', sha256 } }), [
    'not-supported-yet spec.module.url',
  ])
})

test('a ServiceEntry: ports once each, endpoints or a selector, addresses that fit its resolution', () => {
  const port = { number: 80, name: 'tcp' }
  assert.deepEqual(told(entry({ ports: [port, { ...port, name: 'other' }, { ...port, number: 81 }] })), [
    'error duplicate-value 13 spec.ports[1].number',
    'error duplicate-value 16 spec.ports[2].name',
  ])
  assert.deepEqual(told(entry({ endpoints: [{ address: '10.0.0.1' }], workloadSelector: { labels: { a: 'b' } } })), [
    'error conflicting-fields 12 spec.workloadSelector',
  ])
  assert.deepEqual(told(entry({ ports: [port], endpoints: [{ address: 'a.b', ports: { udp: 80 } }] })), [
    'error invalid-value 14 spec.endpoints[0].address',
    'error unknown-port 16 spec.endpoints[0].ports.udp',
  ])
  assert.deepEqual(told(entry({ resolution: 'DNS', endpoints: [{ address: 'a.b' }] })), [])
  assert.deepEqual(told(entry({ resolution: 'DNS', hosts: ['*.b'] })), ['error conflicting-fields 8 spec.hosts[0]'])
  assert.deepEqual(told(entry({ hosts: ['a.b', 'c.d', 'a.b'] })), [
    'warning no-effect 9 spec.hosts[1]',
    'warning no-effect 10 spec.hosts[2]',
    'error duplicate-value 10 spec.hosts[2]',
  ])
  assert.deepEqual(told(entry({ endpoints: [{ labels: { version: 1 } }] })), [
    'error missing-field 11 spec.endpoints[0].address',
    'error invalid-value 12 spec.endpoints[0].labels.version',
  ])
})

test('a WorkloadEntry needs an address', () => {
  const text = stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name: 'w' },
    spec: { ports: { http: 0 }, serviceAccount: 'a' },
  })
  assert.deepEqual(told(text), [
    'error missing-field 5 spec.address',
    'error invalid-value 7 spec.ports.http',
    'warning no-effect 8 spec.serviceAccount',
  ])
})

test('a duration that no proxy can be told is refused', () => {
  const policy = (connectTimeout: string) => ({ trafficPolicy: { connectionPool: { tcp: { connectTimeout } } } })
  assert.deepEqual(check(rule(policy('10000h'))), [])
  const [problem] = check(rule(policy(`1${'0'.repeat(38)}h`)))
  assert.match(problem?.message ?? '', /^expected at least 1ms and at most 10000h, found 10+h$/)
})

test('a slow start needs a time, and a policy that can start slowly', () => {
  const shown = (loadBalancer: object) =>
    check(rule({ trafficPolicy: { loadBalancer } })).map(({ severity, code, path }) => `${severity} ${code} ${path}`)
  const path = 'spec.trafficPolicy.loadBalancer.warmupDurationSecs'
  assert.deepEqual(shown({ warmupDurationSecs: '30s' }), [])
  assert.deepEqual(shown({ warmupDurationSecs: '0s' }), [`error invalid-value ${path}`])
  assert.deepEqual(shown({ simple: 'RANDOM', warmupDurationSecs: '30s' }), [`warning no-effect ${path}`])
})

test('a DestinationRule: subsets and ports once each, one kind of load balancer, durations above 0, tables of a prime', () => {
  const policies = {
    connectionPool: { tcp: { connectTimeout: '0s' } },
    outlierDetection: { interval: '100us', baseEjectionTime: '30' },
    loadBalancer: {
      simple: 'RANDOM',
      consistentHash: { httpHeaderName: 'x', maglev: { tableSize: 65536 }, ringHash: {} },
    },
  }
  const paths = (spec: object) => check(rule(spec)).map(({ code, path }) => `${code} ${path}`)
  const faults = (path: string) => [
    `invalid-value ${path}.connectionPool.tcp.connectTimeout`,
    `invalid-value ${path}.outlierDetection.interval`,
    `invalid-value ${path}.outlierDetection.baseEjectionTime`,
    `conflicting-fields ${path}.loadBalancer.simple`,
    `conflicting-fields ${path}.loadBalancer.consistentHash.maglev`,
    `invalid-value ${path}.loadBalancer.consistentHash.maglev.tableSize`,
  ]
  const subset = (name: string) => ({ name, labels: { version: name } })
  assert.deepEqual(new Set(paths({ trafficPolicy: policies })), new Set(faults('spec.trafficPolicy')))
  assert.deepEqual(
    new Set(paths({ subsets: [{ ...subset('v1'), trafficPolicy: policies }] })),
    new Set(faults('spec.subsets[0].trafficPolicy')),
  )
  const ports = [{ port: { number: 1 }, ...policies }, { port: { number: 1 } }]
  assert.deepEqual(
    new Set(paths({ trafficPolicy: { portLevelSettings: ports } })),
    new Set([
      ...faults('spec.trafficPolicy.portLevelSettings[0]'),
      'duplicate-value spec.trafficPolicy.portLevelSettings[1].port.number',
    ]),
  )
  assert.deepEqual(paths({ subsets: [subset('v1'), subset('v1')] }), ['duplicate-value spec.subsets[1].name'])
  assert.deepEqual(paths({ trafficPolicy: { loadBalancer: { simple: 'PASSTHROUGH' } } }), [
    'no-effect spec.trafficPolicy.loadBalancer.simple',
  ])
  assert.deepEqual(
    paths({
      trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: 'x', maglev: { tableSize: 65537 } } } },
    }),
    [],
  )
})

test('a Service: ports once each, with names where there are several, and targets that are ports', () => {
  assert.deepEqual(
    told(
      service({
        ports: [
          { port: 80, targetPort: 'web' },
          { port: 80, targetPort: 70000, name: 'b' },
        ],
      }),
    ),
    [
      'error missing-field 7 spec.ports[0].name',
      'error duplicate-value 9 spec.ports[1].port',
      'error invalid-value 10 spec.ports[1].targetPort',
    ],
  )
  assert.deepEqual(
    told(
      service({
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53 },
        ],
      }),
    ),
    [],
  )
  assert.deepEqual(told(service({ ports: [{ name: 'Upper', port: 1, targetPort: 'No-Port' }] })), [
    'error invalid-value 7 spec.ports[0].name',
    'error invalid-value 9 spec.ports[0].targetPort',
  ])
})

test('an EndpointSlice says which service it is of, and may leave out what Kubernetes leaves out', () => {
  const slice = (labels: object) =>
    stringify({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'e', labels },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: null } }],
      ports: null,
    })
  assert.deepEqual(told(slice({ 'kubernetes.io/service-name': 's' })), [])
  assert.deepEqual(told(slice({})), ['warning no-effect 5 metadata.labels'])
})

test('a resource that is there twice is an error with the place of the other', () => {
  const text = `${service({})}---\n${service({})}`
  const { code, line, message } = only(text)
  assert.deepEqual([code, line, message], ['duplicate-resource', 10, 'Service default/s stands in f.yaml:1 already'])
})

test('whatever stands in a spec, validation ends in problems', () => {
  const kinds = [
    router,
    (spec: unknown) => entry(spec as object),
    (spec: unknown) => rule(spec as object),
    (spec: unknown) => service(spec as object),
  ]
  const key = fc.constantFrom(
    'hosts',
    'routes',
    'route',
    'match',
    'attributes',
    'ports',
    'subsets',
    'trafficPolicy',
    'endpoints',
    'regex',
    'name',
    'weight',
    '__proto__',
  )
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(key, tie('any'), { maxKeys: 4 }),
    ),
  })).any
  fc.assert(
    fc.property(fc.constantFrom(...kinds), fc.dictionary(key, value), (make, spec) => {
      const [placed] = parseResources(make(spec), 'f').resources
      if (placed !== undefined)
        for (const { message, code } of validateResource(placed)) assert.ok(message !== '' && code !== undefined)
    }),
    { numRuns: 200, endOnFailure: true },
  )
})

test('faults and answers of a route are checked', () => {
  const route = [{ destination: { host: 'a.b' } }]
  const match = { attributes: { a: { exact: 'b' } } }
  const paths = (...routes: readonly object[]) =>
    check(router({ hosts: ['a.b'], routes: routes.map((each) => ({ match, ...each })) })).map(
      ({ path, code }) => `${path} ${code}`,
    )
  assert.deepEqual(paths({ route, fault: { delay: { fixedDelay: '1s' }, abort: {} } }), [])
  assert.deepEqual(paths({ directResponse: { errorType: 'Timeout', message: 'm' }, fault: { abort: {} } }), [])
  assert.deepEqual(
    paths(
      { route, fault: {} },
      { route, fault: { delay: { fixedDelay: '2h' }, abort: { errorType: 'Oops', percentage: { value: 101 } } } },
      { route, fault: { delay: { fixedDelay: '10us', percentage: {} } } },
      { directResponse: {}, requestMutation: [{ key: 'k', value: 'v' }], mirror: { host: 'a.b' } },
      { route, directResponse: { message: 'm' } },
      {},
    ).toSorted(),
    [
      'spec.routes[0].fault missing-field',
      'spec.routes[1].fault.abort.errorType invalid-value',
      'spec.routes[1].fault.abort.percentage.value invalid-value',
      'spec.routes[1].fault.delay.fixedDelay invalid-value',
      'spec.routes[2].fault.delay.fixedDelay invalid-value',
      'spec.routes[2].fault.delay.percentage.value missing-field',
      'spec.routes[3].directResponse.message missing-field',
      'spec.routes[3].mirror conflicting-fields',
      'spec.routes[3].requestMutation conflicting-fields',
      'spec.routes[4] conflicting-fields',
      'spec.routes[5] missing-field',
    ],
  )
})
