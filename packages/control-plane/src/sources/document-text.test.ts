import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseResources, type Resource } from '@meltemi/api'
import fc from 'fast-check'
import { withVersion } from '../store/resource-version.ts'
import { DRAWN_NUMBERS, drawResource } from '../testing/draw-resource.ts'
import { resources } from '../testing/resources.ts'
import { deleteDocument, putDocument, UnreadableTextError } from './document-text.ts'

const anyResource = fc.array(fc.nat(), { minLength: DRAWN_NUMBERS, maxLength: DRAWN_NUMBERS }).map(drawResource)

function service(name: string, port: number): Resource {
  const [resource] = resources(
    `{ apiVersion: v1, kind: Service, metadata: { name: ${name} }, spec: { ports: [{ port: ${port} }] } }`,
  )
  assert.ok(resource)
  return resource
}

const SHOWN_A = `apiVersion: v1
kind: Service
metadata:
  name: a
  namespace: default
spec:
  ports:
    - port: 1
`

const FILE = `# Our services.
apiVersion: v1
kind: Service # the first
metadata: { name: b }
spec:
  ports:
    - port: 80 # plain
# after b
---
# About c,
# in two lines.
apiVersion: v1
kind: Service
metadata: { name: c, namespace: default }
spec: {}
...
---

# Nothing but a comment.
---
apiVersion: v1
kind: Service
metadata: { name: d, namespace: shop }
spec: {}
`

describe('a resource', () => {
  test('that is new in an empty text is all of it', () => {
    assert.equal(putDocument('', service('a', 1)), SHOWN_A)
    assert.equal(putDocument('\n---\n', service('a', 1)), SHOWN_A)
  })

  test('that is new comes at the end', () => {
    assert.equal(putDocument(FILE, service('a', 1)), `${FILE}---\n${SHOWN_A}`)
    assert.equal(putDocument(FILE.trimEnd(), service('a', 1)), `${FILE}---\n${SHOWN_A}`)
  })

  test('that is there is replaced, and every other letter stays', () => {
    const text = putDocument(FILE, service('c', 1))
    const [before, after] = [
      FILE.slice(0, FILE.indexOf('apiVersion: v1\nkind: Service\nmetadata: { name: c')),
      FILE.slice(FILE.indexOf('...')),
    ]
    assert.equal(text, `${before}${SHOWN_A.replace('name: a', 'name: c')}${after}`)
  })

  test('in the first document leaves the comments around it', () => {
    const text = putDocument(FILE, service('b', 1))
    assert.ok(text.startsWith(`# Our services.\n${SHOWN_A.replace('name: a', 'name: b')}`), text)
    assert.ok(text.includes('# About c,\n# in two lines.\n'))
  })

  test('of the same name in another namespace or group is another one', () => {
    const others = `apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: { name: d }\n---\n${FILE}`
    const text = putDocument(others, service('d', 1))
    assert.ok(text.startsWith(others))
  })

  test('is taken out with its document only', () => {
    const text = deleteDocument(FILE, 'Service/default/c')
    assert.ok(text?.includes('# after b\n---\n\n# Nothing but a comment.\n---\n'), text)
    assert.deepEqual(namesIn(text ?? ''), ['b', 'd'])
  })

  test('that is not there leaves the text as it is', () => {
    assert.equal(deleteDocument(FILE, 'Service/default/nope'), FILE)
  })

  test('that was the last one leaves nothing', () => {
    assert.equal(deleteDocument(SHOWN_A, 'Service/default/a'), undefined)
    assert.equal(deleteDocument(`---\n${SHOWN_A}---\n`, 'Service/default/a'), undefined)
    assert.equal(deleteDocument(`# mine\n${SHOWN_A}`, 'Service/default/a'), '# mine\n')
  })
})

describe('lists', () => {
  const LIST = `apiVersion: v1
kind: List
items:
  # the first
  - apiVersion: v1
    kind: Service
    metadata: { name: a }
    spec: {}
  # the second
  - apiVersion: v1
    kind: Service
    metadata: { name: b }
    spec: {}
---
# alone
apiVersion: v1
kind: Service
metadata: { name: c }
spec: {}
`

  test('have one item replaced, and their comments stay', () => {
    const text = putDocument(LIST, service('b', 7))
    assert.deepEqual(namesIn(text), ['a', 'b', 'c'])
    assert.ok(text.includes('# the first') && text.includes('# the second') && text.includes('# alone'), text)
    assert.ok(text.includes('port: 7'))
  })

  test('have one item taken out', () => {
    const text = deleteDocument(LIST, 'Service/default/a') ?? ''
    assert.deepEqual(namesIn(text), ['b', 'c'])
    assert.ok(text.includes('# alone'))
  })
})

describe('JSON', () => {
  test('stays JSON', () => {
    const json = JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: {} })
    const text = putDocument(json, service('a', 1))
    assert.deepEqual(JSON.parse(text).spec, { ports: [{ port: 1 }] })
  })

  test('in a list stays JSON, too', () => {
    const item = (name: string) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: {} })
    const json = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item('a'), item('b')] }, null, 2)
    const text = putDocument(json, service('b', 1))
    assert.deepEqual(JSON.parse(text).items[1].spec, { ports: [{ port: 1 }] })
    assert.deepEqual(JSON.parse(text).items[0], item('a'))
  })
})

test('a text with mistakes is not touched', () => {
  for (const text of ['{ broken: ', 'a: 1\n b: 2\n', `${FILE}---\n: : :\n- x`]) {
    assert.throws(() => putDocument(text, service('a', 1)), UnreadableTextError, text)
    assert.throws(() => deleteDocument(text, 'Service/default/a'), UnreadableTextError, text)
  }
})

test('status, versions and what is empty are not written; when it was created is', () => {
  const resource = service('a', 1)
  const metadata = { ...resource.metadata, creationTimestamp: '2026-01-01T00:00:00Z', labels: { a: 'b' } }
  const text = putDocument('', { ...resource, metadata, status: { conditions: [] } } as unknown as Resource)
  assert.ok(!text.includes('status') && !text.includes('resourceVersion') && !text.includes('annotations'), text)
  assert.ok(text.includes('creationTimestamp: 2026-01-01T00:00:00Z') && text.includes('labels:'), text)
})

function namesIn(text: string): readonly string[] {
  const { resources: found, problems } = parseResources(text, 'x.yaml')
  assert.deepEqual(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  )
  return found.map(({ resource }) => resource.metadata.name)
}

test('whatever is put can be read again as it was, and taken out without a trace', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyResource, { selector: keyOfResource, maxLength: 6 }), (list) => {
      let text = FILE
      for (const resource of list) text = putDocument(text, resource)
      const read = new Map(parseResources(text, 'x.yaml').resources.map(({ key, resource }) => [key, resource]))
      for (const resource of list)
        assert.deepEqual(withVersion(read.get(keyOfResource(resource)) as Resource), resource)
      for (const resource of list) text = deleteDocument(text, keyOfResource(resource)) ?? ''
      assert.deepEqual(
        namesIn(text),
        namesIn(FILE).filter((name) => !list.some((each) => isInFile(each, name))),
      )
    }),
    { numRuns: 25 },
  )
})

function keyOfResource({ kind, metadata }: Resource): string {
  return `${kind}/${metadata.namespace}/${metadata.name}`
}

function isInFile({ kind, metadata }: Resource, name: string): boolean {
  return kind === 'Service' && metadata.name === name && metadata.namespace === (name === 'd' ? 'shop' : 'default')
}
