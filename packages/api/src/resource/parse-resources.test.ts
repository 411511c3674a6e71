import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatProblem } from '../model/index.ts'
import { parseResources } from './parse-resources.ts'
import { placeAt } from './resource-path.ts'

const FIVE_LINES = `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata:
  name: my-protocol
spec:
  protocol: my-protocol
  codec: aeraki.meta_protocol.codec.my_protocol
`

function problemsOf(text: string): readonly string[] {
  return parseResources(text, 'f.yaml').problems.map((each) => `${each.severity} ${formatProblem(each)}`)
}

test('the five lines of an ApplicationProtocol are one resource, without a namespace', () => {
  const { resources, problems } = parseResources(FIVE_LINES, 'f.yaml')
  assert.deepEqual(problems, [])
  assert.deepEqual(
    resources.map(({ key, resource }) => [key, resource]),
    [
      [
        'ApplicationProtocol//my-protocol',
        {
          apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
          kind: 'ApplicationProtocol',
          metadata: {
            name: 'my-protocol',
            namespace: '',
            labels: {},
            annotations: {},
            resourceVersion: '',
            creationTimestamp: '',
          },
          spec: { protocol: 'my-protocol', codec: 'aeraki.meta_protocol.codec.my_protocol' },
        },
      ],
    ],
  )
})

test('several documents, lists and lists of a kind are read in order; the default namespace is default', () => {
  const service = (name: string) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [] } })
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [service('b'), { kind: 'ServiceList', apiVersion: 'v1', items: [service('c')] }],
  }
  const { resources, problems } = parseResources(
    `---\n${JSON.stringify(service('a'))}\n---\n# nothing\n---\n${JSON.stringify(list)}\n`,
    'f',
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(
    resources.map(({ key }) => key),
    ['Service/default/a', 'Service/default/b', 'Service/default/c'],
  )
})

test('JSON is read as YAML is, and status is left out', () => {
  const json = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a', namespace: 'n' },
    spec: {},
    status: { x: 1 },
  }
  const { resources } = parseResources(JSON.stringify(json, undefined, 2), 'f.json')
  assert.equal(resources[0]?.key, 'Service/n/a')
  assert.deepEqual(Object.keys(resources[0]?.resource ?? {}), ['apiVersion', 'kind', 'metadata', 'spec'])
})

test('a path in a resource is found in the text, in each document', () => {
  const text = `${FIVE_LINES}---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: r }
spec:
  routes:
    - route:
        - destination: { host: a.b }
`
  const [protocol, router] = parseResources(text, 'f.yaml').resources
  assert.ok(protocol !== undefined && router !== undefined)
  assert.deepEqual(placeAt(protocol.source, ['spec', 'codec']), { line: 7, column: 10 })
  assert.deepEqual(placeAt(router.source, ['spec', 'routes', 0, 'route', 0, 'destination', 'host']), {
    line: 15,
    column: 32,
  })
  assert.deepEqual(placeAt(router.source, ['spec', 'routes']), { line: 13, column: 3 }, 'a list is where its name is')
  assert.deepEqual(placeAt(router.source, ['spec', 'routes', 7, 'name']), { line: 13, column: 3 }, 'what is not there')
})

test('other kinds are skipped with a note', () => {
  const skipped =
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n---\napiVersion: serving.knative.dev/v1\nkind: Service\n'
  assert.deepEqual(problemsOf(skipped), [
    'note f.yaml:2:7: kind: Deployment of apps/v1 is skipped [skipped-kind]',
    'note f.yaml:6:7: kind: Service of serving.knative.dev/v1 is skipped [skipped-kind]',
  ])
})

test('every version of Istio’s kinds is read, an unknown version or group of a known kind is an error', () => {
  for (const version of ['v1alpha3', 'v1beta1', 'v1']) {
    const text = `apiVersion: networking.istio.io/${version}\nkind: ServiceEntry\nmetadata: {name: x}\nspec: {hosts: [a.b]}\n`
    assert.equal(parseResources(text, 'f').resources.length, 1, version)
  }
  assert.deepEqual(problemsOf('apiVersion: networking.istio.io/v2\nkind: WorkloadEntry\nmetadata: {name: x}\n'), [
    'error f.yaml:1:13: apiVersion: WorkloadEntry is not known in the version networking.istio.io/v2; write ' +
      'networking.istio.io/v1alpha3 or networking.istio.io/v1beta1 or networking.istio.io/v1 [unknown-version]',
  ])
  assert.deepEqual(problemsOf('apiVersion: v1\nkind: MetaRouter\nmetadata: {name: x}\n'), [
    'error f.yaml:1:13: apiVersion: MetaRouter is not known in the version v1; write metaprotocol.aeraki.io/v1alpha1 ' +
      '[unknown-version]',
  ])
})

test('a misspelt kind of our own group is an error', () => {
  assert.deepEqual(problemsOf('apiVersion: metaprotocol.aeraki.io/v1alpha1\nkind: MetaRoute\nmetadata: {name: x}\n'), [
    'error f.yaml:2:7: kind: there is no kind MetaRoute in metaprotocol.aeraki.io; did you mean MetaRouter? [unknown-kind]',
  ])
})

test('a namespace of a kind that has none is left out, with a note', () => {
  const text = FIVE_LINES.replace('name: my-protocol', 'name: my-protocol\n  namespace: mesh')
  const { resources } = parseResources(text, 'f.yaml')
  assert.equal(resources[0]?.key, 'ApplicationProtocol//my-protocol')
  assert.deepEqual(problemsOf(text), [
    'note f.yaml:5:14: metadata.namespace: ApplicationProtocol has no namespace: it counts in all of them; leave it out ' +
      '[ignored-namespace]',
  ])
})

test('a bootstrap, a scalar and an object without a kind are told to be no resource', () => {
  assert.match(
    problemsOf('static_resources: {listeners: []}\n')[0] ?? '',
    /is the bootstrap of a proxy.*meltemi proxy --config.*\[not-a-resource\]/,
  )
  assert.match(
    problemsOf('just words\n')[0] ?? '',
    /expected a resource, found the string "just words" \[not-a-resource\]/,
  )
  assert.match(problemsOf('kind: Service\n')[0] ?? '', /a resource has an apiVersion and a kind \[not-a-resource\]/)
})

test('metadata is checked: names, namespaces, labels and fields', () => {
  const text = `apiVersion: v1
kind: Service
metadata:
  name: Upper.case
  namespace: ../etc
  nmespace: x
  labels: { version: 1, app: , __proto__: a }
  uid: ignored
  annotations: [a]
spec: {}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
spec: {}
`
  const problems = parseResources(text, 'f.yaml').problems
  assert.ok(problems.every(({ code }) => code === 'bad-metadata'))
  assert.deepEqual(
    problems.map(({ line, path, fix }) => [line, path, fix]),
    [
      [4, 'metadata.name', undefined],
      [5, 'metadata.namespace', undefined],
      [6, 'metadata.nmespace', 'did you mean namespace?'],
      [7, 'metadata.labels.version', 'write it in quotes: "1"'],
      [7, 'metadata.labels.app', undefined],
      [9, 'metadata.annotations', undefined],
      [12, 'metadata.name', undefined],
    ],
  )
  assert.equal(parseResources(text, 'f.yaml').resources.length, 0)
})

test('keys that every object inherits are keys like any other', () => {
  const text =
    'apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {__proto__: b, constructor: c}}\nspec: {__proto__: {x: 1}}\n'
  const [placed] = parseResources(text, 'f').resources
  assert.deepEqual(Object.entries(placed?.resource.metadata.labels ?? {}), [
    ['__proto__', 'b'],
    ['constructor', 'c'],
  ])
  assert.equal(Object.getPrototypeOf(placed?.resource.metadata.labels), Object.prototype)
  assert.equal(({} as { readonly x?: number }).x, undefined)
})

test('a key that is given twice is a warning, and the last one counts', () => {
  const text = 'apiVersion: v1\nkind: Service\nmetadata: {name: a, name: b}\nspec: {}\n'
  assert.deepEqual(problemsOf(text), [
    'warning f.yaml:3:21: metadata.name: is given twice, the last one counts [duplicate-key]',
  ])
  assert.equal(parseResources(text, 'f').resources[0]?.key, 'Service/default/b')
})

test('a text that cannot be read is one problem, and no resource of it is there', () => {
  for (const text of ['', '# only words\n', `${FIVE_LINES}---\na: [\n`, `${FIVE_LINES}---\na: *b\n`]) {
    const { resources, problems } = parseResources(text, 'f.yaml')
    assert.deepEqual([resources.length, problems[0]?.code, problems[0]?.severity], [0, 'unreadable', 'error'], text)
  }
})

test('aliases of all documents together are bounded', () => {
  const levels = Array.from({ length: 9 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level}, `.repeat(9)}]`)
  const bomb = ['a0: &a0 x', ...levels].join('\n')
  const { resources, problems } = parseResources(`${bomb}\n---\n${bomb}\n`, 'f.yaml')
  assert.deepEqual(
    [resources.length, problems.map(({ message }) => message)],
    [0, ['the document has more than 1000000 values']],
  )
})

test('no text makes it throw', () => {
  const line = fc.constantFrom(
    'apiVersion: v1',
    'kind: Service',
    'kind: List',
    'items:',
    '- kind: MetaRouter',
    'metadata:',
    '  name: a',
    'metadata: {name: [a]}',
    '---',
    'spec: &a {b: *a}',
    '? [x]',
    '<<: *a',
    '  labels: {a: {b: c}}',
    '\t',
    '{"apiVersion": 1}',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n')),
      ),
      (text) => {
        const { resources, problems } = parseResources(text, 'f')
        assert.ok(resources.length + problems.length >= 0)
        for (const { line: at, column } of problems) assert.ok(Number.isInteger(at) && Number.isInteger(column))
      },
    ),
    { numRuns: 500 },
  )
})
