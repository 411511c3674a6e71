import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { keyOf } from '@meltemi/api'
import { ApiHarness } from './testing/api-harness.ts'
import { MemoryBackend, metaRouter } from './testing/memory-backend.ts'

const ROUTERS = '/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/default/metarouters'
const ALL_ROUTERS = '/apis/metaprotocol.aeraki.io/v1alpha1/metarouters'
const PROTOCOLS = '/apis/metaprotocol.aeraki.io/v1alpha1/applicationprotocols'
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io, application/json' }

let harness: ApiHarness
before(async () => {
  harness = await ApiHarness.start(new MemoryBackend([metaRouter('b'), metaRouter('a', { labels: { app: 'x' } })]))
})
after(() => harness.close())

function router(name: string, change: Readonly<Record<string, unknown>> = {}) {
  const { apiVersion, kind, spec } = metaRouter(name) as { apiVersion: string; kind: string; spec: object }
  return { apiVersion, kind, metadata: { name }, spec: { ...spec, ...change } }
}

describe('reading', () => {
  test('a list has all of a namespace, by name, and a version to watch from', async () => {
    const { status, json } = await harness.call(ROUTERS)
    assert.equal(status, 200)
    assert.equal(json.kind, 'MetaRouterList')
    assert.equal(json.apiVersion, 'metaprotocol.aeraki.io/v1alpha1')
    assert.match(json.metadata.resourceVersion, /^\d+$/)
    const names = json.items.map((item: { metadata: { name: string } }) => item.metadata.name)
    assert.deepEqual(names, ['a', 'b'])
    const everywhere = await harness.call(ALL_ROUTERS)
    assert.equal(everywhere.json.items.length, 2)
    const elsewhere = await harness.call(ROUTERS.replace('/default/', '/other/'))
    assert.deepEqual(elsewhere.json.items, [])
  })

  test('one resource comes as it was written, with version and status', async () => {
    const { status, json } = await harness.call(`${ROUTERS}/a`)
    assert.equal(status, 200)
    assert.deepEqual(json.metadata.labels, { app: 'x' })
    assert.deepEqual(json.spec, router('a').spec)
    assert.match(json.metadata.resourceVersion, /^[0-9a-f]{16}$/)
    assert.equal('annotations' in json.metadata, false)
    assert.equal(json.status.conditions[0].status, 'True')
    assert.deepEqual([json.status.proxies.synced, json.status.proxies.total], [2, 3])
  })

  test('selectors leave out what they do not name', async () => {
    const labelled = await harness.call(`${ROUTERS}?labelSelector=app%3Dx`)
    assert.deepEqual(labelled.json.items.length, 1)
    const named = await harness.call(`${ALL_ROUTERS}?fieldSelector=metadata.name%3Db`)
    assert.equal(named.json.items[0].metadata.name, 'b')
    for (const query of ['labelSelector=a%20in%20(b)', 'fieldSelector=spec.hosts%3Da']) {
      const { status, json } = await harness.call(`${ROUTERS}?${query}`)
      assert.equal(status, 400)
      assert.equal(json.reason, 'BadRequest')
    }
  })

  test('who asks for a table gets the columns of the kind, and those of the status', async () => {
    const { json } = await harness.call(ROUTERS, { headers: TABLE })
    assert.equal(json.kind, 'Table')
    const shown = json.columnDefinitions.filter(({ priority }: { priority: number }) => priority === 0)
    assert.deepEqual(
      shown.map(({ name }: { name: string }) => name),
      ['Name', 'Hosts', 'Accepted', 'Proxies', 'Age'],
    )
    const cells = json.rows[0].cells.filter((_: unknown, index: number) => json.columnDefinitions[index].priority === 0)
    assert.deepEqual(cells, ['a', 'greeter.example.com', 'True', '2/3', '<unknown>'])
    assert.equal(json.rows[0].object.metadata.name, 'a')
  })

  test('what is not there is NotFound, with the names of what was asked for', async () => {
    const { status, json } = await harness.call(`${ROUTERS}/none`)
    assert.equal(status, 404)
    assert.deepEqual(json, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'metarouters.metaprotocol.aeraki.io "none" not found',
      reason: 'NotFound',
      details: { name: 'none', group: 'metaprotocol.aeraki.io', kind: 'metarouters' },
      code: 404,
    })
  })

  test('paths that lead nowhere are NotFound, too', async () => {
    const paths = [
      '/nowhere',
      '/apis/none.example.com/v1/things',
      '/apis/metaprotocol.aeraki.io/v2/metarouters',
      `${ALL_ROUTERS}/a`, // a name without its namespace
      PROTOCOLS.replace('/applicationprotocols', '/namespaces/default/applicationprotocols'),
      `${ROUTERS}/a/status`,
      '/proxies/none/other',
    ]
    for (const path of paths) {
      const { status, json } = await harness.call(path)
      assert.deepEqual([status, json?.reason], [404, 'NotFound'], path)
    }
    assert.equal((await harness.call('/%E0%A4%A')).status, 400)
  })
})

describe('changing', () => {
  test('a resource is created once, replaced while its version is the one in force, and deleted', async () => {
    const created = await harness.call(ROUTERS, { method: 'POST', body: router('c') })
    assert.equal(created.status, 201)
    const { resourceVersion } = created.json.metadata
    const again = await harness.call(ROUTERS, { method: 'POST', body: router('c') })
    assert.deepEqual([again.status, again.json.reason], [409, 'AlreadyExists'])

    const changed = { ...router('c', { hosts: ['other.example.com'] }), metadata: { name: 'c', resourceVersion } }
    const replaced = await harness.call(`${ROUTERS}/c`, { method: 'PUT', body: changed })
    assert.equal(replaced.status, 200)
    assert.notEqual(replaced.json.metadata.resourceVersion, resourceVersion)
    const late = await harness.call(`${ROUTERS}/c`, { method: 'PUT', body: changed })
    assert.deepEqual([late.status, late.json.reason], [409, 'Conflict'])
    assert.match(late.json.message, /^Operation cannot be fulfilled on metarouters.* "c": the object has been modified/)

    const options = { kind: 'DeleteOptions', preconditions: { resourceVersion } }
    const lateDelete = await harness.call(`${ROUTERS}/c`, { method: 'DELETE', body: options })
    assert.equal(lateDelete.status, 409)
    const deleted = await harness.call(`${ROUTERS}/c`, { method: 'DELETE' })
    assert.deepEqual([deleted.status, deleted.json.status], [200, 'Success'])
    assert.equal((await harness.call(`${ROUTERS}/c`)).status, 404)
    assert.equal((await harness.call(`${ROUTERS}/c`, { method: 'DELETE' })).status, 404)
    assert.equal((await harness.call(`${ROUTERS}/c`, { method: 'PUT', body: router('c') })).status, 404)
  })

  test('a dry run answers as if it were done, and changes nothing', async () => {
    const created = await harness.call(`${ROUTERS}?dryRun=All`, { method: 'POST', body: router('dry') })
    assert.equal(created.status, 201)
    assert.equal((await harness.call(`${ROUTERS}/dry`)).status, 404)
    await harness.call(`${ROUTERS}/a?dryRun=All`, { method: 'DELETE' })
    await harness.call(`${ROUTERS}/a`, { method: 'DELETE', body: { dryRun: ['All'] } })
    assert.equal((await harness.call(`${ROUTERS}/a`)).status, 200)
    const other = await harness.call(`${ROUTERS}?dryRun=Some`, { method: 'POST', body: router('dry') })
    assert.equal(other.status, 400)
  })

  test('what is wrong with a resource is said with the places of all faults', async () => {
    const bad = router('bad', {
      hosts: ['*.example.com'],
      routes: [{ route: [{ destination: { host: 'a.b' }, wieght: 1 }] }],
    })
    const { status, json } = await harness.call(ROUTERS, { method: 'POST', body: bad })
    assert.equal(status, 422)
    assert.equal(json.reason, 'Invalid')
    assert.match(json.message, /^MetaRouter\.metaprotocol\.aeraki\.io "bad" is invalid: \[/)
    const fields = json.details.causes.map(({ field }: { field: string }) => field)
    assert.ok(fields.includes('spec.hosts[0]'), json.message)
    assert.ok(fields.includes('spec.routes[0].route[0].wieght'), json.message)
    assert.equal((await harness.call(`${ROUTERS}/bad`)).status, 404)
  })

  test('an object that is not what the path says is refused', async () => {
    const cases: readonly (readonly [path: string, method: string, body: unknown])[] = [
      [ROUTERS, 'POST', 'no json'],
      [ROUTERS, 'POST', '[]'],
      [ROUTERS, 'POST', { ...router('x'), kind: 'ServiceEntry' }],
      [ROUTERS, 'POST', { ...router('x'), apiVersion: 'v1' }],
      [ROUTERS, 'POST', { ...router('x'), metadata: { name: 'x', namespace: 'other' } }],
      [ALL_ROUTERS, 'POST', router('x')],
      [`${ROUTERS}/a`, 'PUT', router('b')],
      [`${ROUTERS}/a`, 'DELETE', 'no json'],
    ]
    for (const [path, method, body] of cases) {
      const { status, json } = await harness.call(path, { method, body })
      assert.deepEqual([status, json.reason], [400, 'BadRequest'], JSON.stringify(body))
    }
    const nameless = await harness.call(ROUTERS, { method: 'POST', body: { ...router('x'), metadata: {} } })
    assert.equal(nameless.status, 422)
  })

  test('verbs that make no sense on a path are not allowed', async () => {
    for (const [path, method] of [
      [ROUTERS, 'PUT'],
      [ROUTERS, 'DELETE'],
      [`${ROUTERS}/a`, 'POST'],
      [`${ROUTERS}/a`, 'PATCH'],
    ] as const) {
      const { status, json } = await harness.call(path, { method, body: router('a') })
      assert.deepEqual([status, json.reason], [405, 'MethodNotAllowed'], `${method} ${path}`)
    }
  })

  test('names that every object has are names like others', async () => {
    const body = JSON.stringify(router('proto')).replace('"metadata":{', '"metadata":{"__proto__":{"polluted":true},')
    const { status } = await harness.call(ROUTERS, { method: 'POST', body })
    assert.equal(status, 422)
    assert.equal('polluted' in {}, false)
    assert.equal((await harness.call(`${ROUTERS}/constructor`)).status, 404)
    assert.equal((await harness.call('/apis/__proto__/v1')).status, 404)
  })

  test('what the store refuses is said by its reason', async () => {
    const cases = [
      [
        { kind: 'unwritable', reason: 'no space left on device' },
        503,
        'ServiceUnavailable',
        /^no space left on device$/,
      ],
      [
        {
          kind: 'invalid',
          problems: [{ severity: 'error', file: '', line: 0, column: 0, path: 'spec.hosts', message: 'is taken' }],
        },
        422,
        'Invalid',
        /is invalid: spec\.hosts: is taken$/,
      ],
    ] as const
    for (const [refusal, code, reason, message] of cases) {
      harness.backend.refusal = refusal
      const { status, json } = await harness.call(ROUTERS, { method: 'POST', body: router('x') })
      harness.backend.refusal = undefined
      assert.deepEqual([status, json.reason], [code, reason])
      assert.match(json.message, message)
    }
  })

  test('nothing is changed before everything has been read', async () => {
    harness.backend.ready = false
    const ready = await harness.call('/ready')
    const { status } = await harness.call(ROUTERS, { method: 'POST', body: router('x') })
    harness.backend.ready = true
    assert.deepEqual([ready.status, status], [503, 503])
    assert.equal((await harness.call('/ready')).text, 'ready\n')
  })
})

describe('asking who is there', () => {
  test('groups, versions and kinds are found as kubectl looks for them', async () => {
    assert.deepEqual((await harness.call('/api')).json.versions, ['v1'])
    const groups = (await harness.call('/apis')).json.groups.map(({ name }: { name: string }) => name)
    assert.deepEqual(groups, [
      'discovery.k8s.io',
      'dubbo.aeraki.io',
      'metaprotocol.aeraki.io',
      'networking.istio.io',
      'redis.aeraki.io',
    ])
    const istio = await harness.call('/apis/networking.istio.io')
    assert.equal(istio.json.preferredVersion.version, 'v1')
    const own = await harness.call('/apis/metaprotocol.aeraki.io/v1alpha1')
    const routers = own.json.resources.find(({ name }: { name: string }) => name === 'metarouters')
    assert.deepEqual(routers.shortNames, ['mr'])
    assert.equal(routers.namespaced, true)
    assert.equal((await harness.call('/api/v1')).json.resources[0].kind, 'Service')
  })

  test('version and metrics are those of the process', async () => {
    assert.equal((await harness.call('/version')).json.gitVersion, 'v1.2.3')
    const metrics = await harness.call('/stats/prometheus')
    assert.match(metrics.text, /^envoy_control_plane_api_requests \d+$/m)
    const head = await harness.call('/version', { method: 'HEAD' })
    assert.deepEqual([head.status, head.text], [200, ''])
  })

  test('every version of a kind is served, whichever it was written in', async () => {
    const entry = {
      apiVersion: 'networking.istio.io/v1beta1',
      kind: 'ServiceEntry',
      metadata: { name: 'greeter' },
      spec: {
        hosts: ['greeter.example.com'],
        ports: [{ number: 9090, name: 'tcp', protocol: 'TCP' }],
        resolution: 'STATIC',
      },
    }
    const path = (version: string) => `/apis/networking.istio.io/${version}/namespaces/default/serviceentries`
    const created = await harness.call(path('v1beta1'), { method: 'POST', body: entry })
    assert.equal(created.status, 201, created.text)
    for (const version of ['v1', 'v1alpha3', 'v1beta1']) {
      const { json } = await harness.call(`${path(version)}/greeter`)
      assert.equal(json.apiVersion, `networking.istio.io/${version}`)
      assert.deepEqual(json.spec, entry.spec)
    }
    harness.backend.remove(
      keyOf({ kind: 'ServiceEntry', metadata: { name: 'greeter', namespace: 'default' } } as never),
    )
  })
})
