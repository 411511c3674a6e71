import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { keyOf, parseRoutes, type Resource, type ResourceKey, type RouteTableConfig } from '@meltemi/api'
import { type DiscoveryResponse, RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import { createGrpcClient, type GrpcClient } from '@meltemi/runtime/grpc'
import type { StoredResource, WriteOutcome } from './admin/backend.ts'
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './control-plane.ts'
import { PROXY_RULES } from './testing/proxy-rules.ts'
import { resources, WORLD_OPTIONS } from './testing/resources.ts'
import { localMetrics, memoryLogger } from './testing/silent.ts'
import { openSotw } from './xds/testing/ads-client.ts'

const HOST = 'hello.default.svc.cluster.local'
const ROUTER = 'MetaRouter/default/hello'

function service(port = 9090): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: hello }
spec:
  hosts: [${HOST}]
  ports: [{ number: ${port}, name: tcp-metaprotocol-thrift }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1 }]
`
}

function router(name: string): string {
  return `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: hello }
spec: { hosts: [${HOST}], routes: [{ name: ${name}, route: [{ destination: { host: ${HOST} } }] }] }
`
}

let folder = ''
let controlPlane: ControlPlane | undefined
const clients: GrpcClient[] = []
const lines: string[] = []

async function start(options: Partial<ControlPlaneOptions> = {}): Promise<ControlPlane> {
  controlPlane = await startControlPlane({
    resources: folder,
    xds: { host: '127.0.0.1', port: 0 },
    defaultProtocols: WORLD_OPTIONS.defaultProtocols,
    quietMs: 20,
    logger: memoryLogger(lines),
    metrics: localMetrics(),
    ...options,
  })
  return controlPlane
}

function put(name: string, ...documents: readonly string[]): Promise<void> {
  return writeFile(join(folder, name), documents.join('---'))
}

/** Fails when it takes longer than 5 s. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!condition()) {
    if (Date.now() > deadline) assert.fail(`${what}\n${lines.join('')}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function conditionOf({ statuses }: ControlPlane, key: ResourceKey) {
  return statuses().get(key)?.status.conditions[0]
}

function routesOf(response: DiscoveryResponse): RouteTableConfig {
  const context = {
    options: PROXY_RULES,
    sources: { hasAds: true, staticClusters: new Set<string>() },
    connectionLimits: new Map(),
  }
  const { value, problems } = parseRoutes(response.resources[0]?.value ?? new Uint8Array(), context)
  assert.ok(value, JSON.stringify(problems))
  return value
}

/** A proxy with the routes of the service, which it confirms as they come. */
class Proxy {
  readonly #ads: ReturnType<typeof openSotw>
  readonly #node: { id: string }

  constructor(port: number, id: string) {
    const client = createGrpcClient({ address: `127.0.0.1:${port}` })
    clients.push(client)
    this.#ads = openSotw(client)
    this.#node = { id }
    for (const type of ['cluster', 'listener'] as const) this.#ask({ type, names: [] })
    this.#ask({ type: 'route', names: [`${HOST}_9090`] })
  }

  /** The next routes, confirmed. */
  async routes(): Promise<RouteTableConfig> {
    for (;;) {
      const response = await this.#ads.next()
      const type = response.typeUrl === RESOURCE_TYPES.route ? 'route' : undefined
      this.#confirm(response)
      if (type === 'route') return routesOf(response)
    }
  }

  #ask({ type, names }: { type: ResourceType; names: readonly string[] }): void {
    this.#ads.stream.write({ node: this.#node, typeUrl: RESOURCE_TYPES[type], resourceNames: [...names] })
  }

  #confirm({ typeUrl, nonce, versionInfo }: DiscoveryResponse): void {
    const resourceNames = typeUrl === RESOURCE_TYPES.route ? [`${HOST}_9090`] : []
    this.#ads.stream.write({ typeUrl, responseNonce: nonce, versionInfo, resourceNames })
  }
}

function one(yaml: string): Resource {
  const [resource] = resources(yaml)
  assert.ok(resource)
  return resource
}

function stored(outcome: WriteOutcome): StoredResource {
  assert.ok(outcome.kind === 'done', JSON.stringify(outcome))
  return outcome.stored
}

describe('a control plane', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meltemi-control-plane-'))
    lines.length = 0
  })

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    await controlPlane?.close()
    controlPlane = undefined
    await rm(folder, { recursive: true, force: true })
  })

  describe('from files to proxies', () => {
    test('a service is there from the start, and each change is on its way at once', async () => {
      await put('service.yaml', service())
      const { xdsPort } = await start()
      const proxy = new Proxy(xdsPort, 'proxy')
      assert.equal((await proxy.routes()).routes[0]?.name, 'default')
      for (const name of ['one', 'two', 'three']) {
        const startMs = performance.now()
        await put('router.yaml', router(name))
        assert.equal((await proxy.routes()).routes[0]?.name, name)
        assert.ok(performance.now() - startMs < 2_000)
      }
      await unlink(join(folder, 'router.yaml'))
      assert.equal((await proxy.routes()).routes[0]?.name, 'default')
    })

    test('each resource says which proxies have it', async () => {
      await put('service.yaml', service())
      await put('router.yaml', router('one'))
      const running = await start()
      const proxy = new Proxy(running.xdsPort, 'proxy')
      await proxy.routes()
      const synced = () => running.statuses().get(ROUTER)?.status.proxies
      await until(() => synced()?.synced === 1, 'not synced')
      await put('router.yaml', router('two'))
      await until(
        () => running.backend.proxies()[0]?.types.some(({ state }) => state === 'stale') === true,
        'not stale',
      )
      await until(() => synced()?.synced === 0, 'not told')
      assert.deepEqual(synced(), {
        synced: 0,
        total: 1,
        notSynced: [{ proxy: 'proxy', reason: 'has not confirmed it yet' }],
      })
      await proxy.routes()
      await until(() => synced()?.synced === 1, 'not synced again')
      assert.ok(running.backend.snapshotOf('proxy')?.resources.route.has(`${HOST}_9090`))
      assert.equal(running.backend.snapshotOf('nobody'), undefined)
    })

    test('a bad change keeps what was good, and says so with its line', async () => {
      await put('service.yaml', service())
      await put('router.yaml', router('one'))
      const running = await start()
      await put('router.yaml', router('two').replace('destination', 'destinaton'))
      await until(() => conditionOf(running, ROUTER)?.status === 'False', 'not refused')
      assert.match(conditionOf(running, ROUTER)?.message ?? '', /destinaton.*the version before stays in force/)
      assert.equal(running.world().services.get(HOST)?.router?.spec.routes?.[0]?.name, 'one')
      assert.ok(
        lines.some((line) => line.includes('router.yaml:5')),
        lines.join(''),
      )
      await put('router.yaml', router('three'))
      await until(() => running.world().services.get(HOST)?.router?.spec.routes?.[0]?.name === 'three', 'not mended')
      assert.deepEqual(running.backend.problems(), [])
    })

    test('changes that come together are in force together', async () => {
      await put('service.yaml', service())
      const running = await start({ quietMs: 100 })
      const before = running.world().revision
      await put('router.yaml', router('one'))
      await put('service.yaml', service(9091))
      await put('router.yaml', router('two'))
      await until(() => running.world().services.get(HOST)?.ports[0]?.number === 9091, 'not there')
      assert.equal(running.world().services.get(HOST)?.router?.spec.routes?.[0]?.name, 'two')
      assert.equal(running.world().revision, before + 1)
    })

    test('the folder may go and come back: proxies keep what they have', async () => {
      await put('service.yaml', service())
      const running = await start()
      await rm(folder, { recursive: true })
      await until(() => running.backend.problems().length > 0, 'not told')
      assert.ok(running.world().services.has(HOST))
      await mkdir(folder)
      await put('service.yaml', service(9092))
      await until(() => running.world().services.get(HOST)?.ports[0]?.number === 9092, 'not back')
      assert.deepEqual(running.backend.problems(), [])
    })

    test('a module is fetched before the first proxy is answered', async () => {
      const source = 'export const codecs = []'
      await writeFile(join(folder, 'codec.mjs'), source)
      const digest = await crypto.subtle.digest('SHA-256', Buffer.from(source))
      const sha256 = Buffer.from(digest).toString('hex')
      const protocol = `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: mine }
spec: { protocol: mine, codec: my.codec, module: { url: "file:codec.mjs", sha256: ${sha256} } }
`
      await put('all.yaml', protocol, service().replace('thrift', 'mine'))
      const running = await start()
      new Proxy(running.xdsPort, 'proxy')
      await until(() => running.backend.proxies().length === 1, 'not connected')
      const snapshot = running.backend.snapshotOf('proxy')
      assert.deepEqual([...(snapshot?.resources.extensionConfig.keys() ?? [])], ['my.codec'])
      assert.equal(snapshot?.resources.listener.size, 1)
    })
  })

  describe('the start', () => {
    test('fails when there is no folder, and leaves nothing behind', async () => {
      await assert.rejects(start({ resources: join(folder, 'nowhere') }), /nowhere: there is no such file or folder/)
    })

    test('fails when the port is taken, and leaves nothing behind', async () => {
      const { xdsPort } = await start()
      const second = startControlPlane({
        resources: folder,
        xds: { host: '127.0.0.1', port: xdsPort },
        defaultProtocols: [],
        logger: memoryLogger(),
        metrics: localMetrics(),
      })
      await assert.rejects(second, /port is in use/)
    })

    test('with nothing in the folder is a start', async () => {
      const running = await start()
      assert.equal(running.world().services.size, 0)
      assert.ok(running.backend.isReady())
      await put('service.yaml', service())
      await until(() => running.world().services.has(HOST), 'not there')
    })
  })

  describe('what is written over the API', () => {
    const create = (yaml: string, isDryRun = false) => ({ kind: 'create' as const, resource: one(yaml), isDryRun })
    const replace = (yaml: string, expectedVersion = '', isDryRun = false) => ({
      kind: 'replace' as const,
      resource: one(yaml),
      expectedVersion,
      isDryRun,
    })

    test('is in a file of its own, and in force when the answer comes', async () => {
      await put('service.yaml', service())
      const running = await start()
      const { resource, status, origin } = stored(await running.backend.write(create(router('one'))))
      assert.equal(status.conditions[0]?.status, 'True')
      assert.match(resource.metadata.resourceVersion, /^[0-9a-f]{16}$/)
      assert.match(resource.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      assert.equal(origin, `${join(folder, 'metarouters.default.hello.yaml')}:1`)
      assert.equal(running.world().services.get(HOST)?.router?.spec.routes?.[0]?.name, 'one')
      assert.deepEqual(await running.backend.write(create(router('two'))), { kind: 'exists' })
    })

    test('replaces its document where it stands, keeps when it was created, and wants the version in force', async () => {
      await put('all.yaml', `# ours\n${service()}`, router('one'))
      const running = await start()
      const version = running.statuses().get(ROUTER)?.resource.metadata.resourceVersion ?? ''
      assert.deepEqual(await running.backend.write(replace(router('two'), 'f'.repeat(16))), {
        kind: 'conflict',
        version,
      })
      const { resource } = stored(await running.backend.write(replace(router('two'), version)))
      assert.notEqual(resource.metadata.resourceVersion, version)
      assert.deepEqual(await readdir(folder), ['all.yaml'])
      const text = await readFile(join(folder, 'all.yaml'), 'utf8')
      assert.ok(text.startsWith('# ours\n') && text.includes('name: two'), text)
      assert.deepEqual(await running.backend.write(replace(service(1).replaceAll('hello', 'other'))), {
        kind: 'missing',
      })
    })

    test('deletes, and answers when it is gone', async () => {
      await put('service.yaml', service())
      await put('router.yaml', router('one'))
      const running = await start()
      const gone = { kind: 'delete' as const, key: ROUTER, expectedVersion: '', isDryRun: false }
      assert.equal(keyOf(stored(await running.backend.write(gone)).resource), ROUTER)
      assert.equal(running.world().services.get(HOST)?.router, undefined)
      assert.deepEqual(await readdir(folder), ['service.yaml'])
      assert.deepEqual(await running.backend.write(gone), { kind: 'missing' })
    })

    test('as a trial says what would become of it, and changes nothing', async () => {
      await put('service.yaml', service())
      await put('router.yaml', router('one'))
      const running = await start()
      const other = router('two').replace('{ name: hello }', '{ name: zzz }')
      const { status } = stored(await running.backend.write(create(other, true)))
      assert.equal(status.conditions[0]?.reason, 'DuplicateRouter')
      assert.equal(
        stored(await running.backend.write(replace(router('two'), '', true))).status.conditions[0]?.status,
        'True',
      )
      const gone = { kind: 'delete' as const, key: ROUTER, expectedVersion: '', isDryRun: true }
      assert.equal(keyOf(stored(await running.backend.write(gone)).resource), ROUTER)
      assert.deepEqual((await readdir(folder)).sort(), ['router.yaml', 'service.yaml'])
      assert.equal(running.world().services.get(HOST)?.router?.spec.routes?.[0]?.name, 'one')
    })

    test('comes in turn: of many at once with the same version one is done', async () => {
      await put('service.yaml', service())
      await put('router.yaml', router('zero'))
      const running = await start()
      const version = running.statuses().get(ROUTER)?.resource.metadata.resourceVersion ?? ''
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, index) => running.backend.write(replace(router(`n${index}`), version))),
      )
      assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), [
        'conflict',
        'conflict',
        'conflict',
        'conflict',
        'conflict',
        'conflict',
        'conflict',
        'done',
      ])
    })

    test('many at once are in force in far fewer turns', async () => {
      const running = await start({ quietMs: 50 })
      const names = Array.from({ length: 20 }, (_, index) => `s${index}`)
      const before = running.world().revision
      const outcomes = await Promise.all(
        names.map((name) => running.backend.write(create(service().replaceAll('hello', name)))),
      )
      for (const outcome of outcomes) stored(outcome)
      assert.equal(running.world().services.size, 20)
      assert.ok(running.world().revision - before <= 10, `${running.world().revision - before}`)
    })

    test('into a file with mistakes is refused with them', async () => {
      await put('all.yaml', service(), router('one'))
      const running = await start()
      await put('all.yaml', service(), router('one'), ' { broken: ')
      await until(() => running.backend.problems().length > 0, 'not told')
      const outcome = await running.backend.write(replace(router('two')))
      assert.ok(outcome.kind === 'invalid', JSON.stringify(outcome))
      assert.equal(outcome.problems[0]?.file, join(folder, 'all.yaml'))
    })

    test('where nothing can be written says so, and changes nothing', async () => {
      await put('service.yaml', service())
      const running = await start()
      await rm(folder, { recursive: true })
      const outcome = await running.backend.write(create(router('one')))
      assert.ok(outcome.kind === 'unwritable', JSON.stringify(outcome))
      assert.match(outcome.reason, /no such file or directory/)
      assert.ok(!running.statuses().has(ROUTER))
    })
  })
})
