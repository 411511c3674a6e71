import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { keyOf, type Resource, type ResourceKey } from '@meltemi/api'
import { FakeClock } from '@meltemi/runtime/testing'
import type { StoredResource } from '../admin/backend.ts'
import type { World } from '../store/world.ts'
import { resources, worldOf } from '../testing/resources.ts'
import { localMetrics, memoryLogger, valueOf } from '../testing/silent.ts'
import { MeshWriter } from './mesh-writer.ts'
import { connectTo } from './testing/connect-to.ts'

/** As many services, each with one filter. */
function world(count: number): World {
  const entry = (index: number) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: s${index} }
spec:
  hosts: [s${index}.shop]
  addresses: [10.0.0.${index}]
  ports: [{ number: 80, name: tcp-metaprotocol-thrift }]
  resolution: STATIC
`
  return worldOf(Array.from({ length: count }, (_, index) => entry(index + 1)).join('---'))
}

const NATIVE = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: hello, namespace: shop, annotations: { interface: org.Hello } }
spec:
  hosts: [hello.shop]
  addresses: [10.0.0.1]
  ports: [{ number: 80, name: tcp-thrift }]
  resolution: STATIC
  workloadSelector: { labels: { app: hello } }
`
const POLICY = `
apiVersion: dubbo.aeraki.io/v1alpha1
kind: DubboAuthorizationPolicy
metadata: { name: nobody, namespace: shop }
spec: { action: DENY, rules: [{}] }
`

interface Stored {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string }
  readonly spec: unknown
}

/** EnvoyFilters, as an API server keeps them; `fault`: what it answers to a write instead, and `hang` never. */
async function startApi() {
  const filters = new Map<string, Stored>()
  const writes: string[] = []
  /** By kind. */
  const watches = new Map<string, ServerResponse>()
  let lists = 0
  let version = 0
  const state = {
    fault: (_write: string): number | 'hang' | undefined => undefined,
    /** undefined: nobody may list them. */
    virtualServices: [] as readonly object[] | undefined,
  }
  const put = (stored: Stored) => {
    const { name } = stored.metadata
    const metadata = { name, namespace: 'istio-system', resourceVersion: `${++version}` }
    filters.set(name, { ...stored, metadata })
  }
  const write = (method: string, name: string, body: string): number | 'hang' => {
    writes.push(`${method} ${name}`)
    const fault = state.fault(`${method} ${name}`)
    if (fault !== undefined) return fault
    if (method === 'DELETE') return filters.delete(name) ? 200 : 404
    const next = JSON.parse(body) as Stored
    const isOld = method === 'PUT' && next.metadata.resourceVersion !== filters.get(name)?.metadata.resourceVersion
    if (isOld) return 409
    put(next)
    return 200
  }
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://a')
    const body = await text(request)
    const answer = (code: number, json: object) => {
      response.statusCode = code
      response.end(JSON.stringify(json))
    }
    if (pathname.endsWith('/configmaps/istio')) return answer(404, {})
    if (searchParams.has('watch')) {
      response.flushHeaders()
      watches.set(pathname.split('/').at(-1) ?? '', response)
      return
    }
    if (request.method === 'GET' && pathname.endsWith('/virtualservices')) {
      const { virtualServices: items } = state
      return items === undefined ? answer(403, { message: 'forbidden' }) : answer(200, { metadata: {}, items })
    }
    if (request.method === 'GET' && !pathname.endsWith('/envoyfilters'))
      return answer(200, { metadata: { resourceVersion: '1' }, items: [] })
    if (request.method === 'GET') {
      lists++
      return answer(200, { metadata: { resourceVersion: '1' }, items: [...filters.values()] })
    }
    const name = request.method === 'POST' ? (JSON.parse(body) as Stored).metadata.name : pathname.split('/').at(-1)
    const code = write(request.method ?? '', name ?? '', body)
    if (code !== 'hang') answer(code, { message: 'no' })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    filters,
    writes,
    state,
    put,
    watches,
    lists: () => lists,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function start(first: World) {
  const stack = new AsyncDisposableStack()
  const api = stack.use(await startApi())
  const cluster = await connectTo(api.url)
  const clock = new FakeClock()
  const lines: string[] = []
  const metrics = localMetrics()
  const now = { world: first, isLeader: true, resources: new Map<ResourceKey, StoredResource>() }
  let tell = () => {}
  const writer = new MeshWriter({
    mesh: {
      rootNamespace: 'istio-system',
      envoyFilters: { isNamespaced: false },
      allocatesVips: false,
      bootstrapXds: undefined,
    },
    cluster,
    domain: 'cluster.local',
    world: () => now.world,
    backend: {
      resources: () => now.resources,
      subscribe: (listener) => {
        tell = () => listener({ events: [], hasOtherProblems: false })
        return () => {
          tell = () => {}
        }
      },
    },
    isLeader: () => now.isLeader,
    logger: memoryLogger(lines),
    metrics,
    clock,
  })
  stack.defer(() => writer.stop())
  return {
    api,
    clock,
    lines,
    metrics,
    now,
    writer,
    tell: () => tell(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function until(holds: () => boolean | undefined): Promise<void> {
  for (let left = 2_000; !holds(); left--) {
    assert.ok(left > 0, 'in vain')
    await sleep(5)
  }
}

function nameOf(index: number): string {
  return `aeraki-outbound-s${index}.shop-10.0.0.${index}-80`
}

describe('a writer in the place of Aeraki', { timeout: 60_000 }, () => {
  test('writes what a change has made different, a second after the last and ten after the first', async () => {
    await using at = await start(world(1))
    at.tell()
    for (let second = 0; second < 10; second += 0.9) {
      at.clock.advance(900)
      at.now.world = world(2)
      at.tell()
      if (second < 8) assert.equal(at.api.lists(), 0)
    }
    await until(() => at.api.filters.size === 2)
    at.now.world = world(1)
    at.tell()
    at.clock.advance(999)
    assert.deepEqual(at.api.writes.toSorted(), [`POST ${nameOf(1)}`, `POST ${nameOf(2)}`])
    at.clock.advance(1)
    await until(() => at.api.filters.size === 1)
    assert.equal(at.api.writes.at(-1), `DELETE ${nameOf(2)}`)
  })

  test('asks nothing when only proxies have changed', async () => {
    await using at = await start(world(1))
    at.tell()
    at.clock.advance(1_000)
    await until(() => at.api.filters.size === 1 && at.clock.pendingTimers === 1)
    const lists = at.api.lists()
    at.tell()
    at.clock.advance(29_000)
    assert.equal(at.clock.pendingTimers, 1, 'what is left is that it looks now and then')
    assert.equal(at.api.lists(), lists)
    at.clock.advance(1_000)
    await until(() => at.api.lists() === lists + 1)
    assert.equal(at.api.writes.length, 1)
  })

  test('looks again when a Gateway or VirtualService of somebody has changed', async () => {
    await using at = await start(world(1))
    at.writer.writeAll()
    await until(() => at.api.watches.size === 2 && at.clock.pendingTimers === 1)
    assert.equal(at.api.lists(), 1)
    const add = (kind: string, metadata: object) =>
      at.api.watches.get(kind)?.write(`${JSON.stringify({ type: 'ADDED', object: { metadata } })}\n`)
    for (const [index, kind] of ['gateways', 'virtualservices'].entries()) {
      add(kind, { name: 'a' })
      await until(() => at.clock.pendingTimers > 1)
      at.clock.advance(1_000)
      await until(() => at.api.lists() === index + 2 && at.clock.pendingTimers === 1)
    }
  })

  test('writes nothing before it leads, and stops when it does no more', async () => {
    await using at = await start(world(20))
    at.now.isLeader = false
    at.tell()
    at.clock.advance(1_000)
    at.now.isLeader = true
    at.api.state.fault = () => {
      at.now.isLeader = false
      return undefined
    }
    at.writer.writeAll()
    await until(() => at.api.writes.length > 0)
    await at.writer.stop()
    // those that were under way
    assert.ok(at.api.writes.length <= 8, `${at.api.writes.length}`)
    assert.equal(at.api.lists(), 1)
  })

  test('looks again where somebody else was faster', async () => {
    await using at = await start(world(1))
    at.api.put({ metadata: { name: nameOf(1) }, spec: { configPatches: [] } })
    at.api.state.fault = (write) => {
      // another one writes between the list and this
      at.api.state.fault = () => undefined
      at.api.put({ metadata: { name: nameOf(1) }, spec: { configPatches: [{}] } })
      return write.startsWith('PUT') ? undefined : 500
    }
    at.writer.writeAll()
    await until(() => at.clock.pendingTimers === 1)
    assert.equal(valueOf(at.metrics, 'control_plane.mesh_write_failures'), 1)
    at.clock.advance(1_000)
    await until(() => valueOf(at.metrics, 'control_plane.mesh_writes') === 1)
    assert.deepEqual(at.api.writes, [`PUT ${nameOf(1)}`, `PUT ${nameOf(1)}`])
    assert.equal(at.api.lists(), 2)
    assert.match(JSON.stringify(at.api.filters.get(nameOf(1))?.spec), /10\.0\.0\.1_80/)
  })

  test('tells of each write that fails, does the others, and tries again later and later', async () => {
    await using at = await start(world(4))
    const failing = [nameOf(2), nameOf(3)]
    at.api.state.fault = (write) => (failing.some((name) => write.endsWith(name)) ? 500 : undefined)
    at.writer.writeAll()
    await until(() => at.clock.pendingTimers === 1)
    assert.deepEqual([...at.api.filters.keys()].sort(), [nameOf(1), nameOf(4)])
    for (const name of failing)
      assert.ok(at.lines.some((line) => line.includes(`create EnvoyFilter istio-system/${name}`)))
    for (const seconds of [1, 2, 4]) {
      const lists = at.api.lists()
      at.clock.advance(seconds * 1_000 - 1)
      assert.equal(at.api.lists(), lists)
      at.clock.advance(1)
      await until(() => at.api.lists() === lists + 1 && at.clock.pendingTimers === 1)
    }
    at.api.state.fault = () => undefined
    at.clock.advance(8_000)
    await until(() => at.api.filters.size === 4)
  })

  test('leaves alone what gateways have for a router that is refused, until that is gone', async () => {
    await using at = await start(world(1))
    const { api, clock, now, writer } = at
    const value = { name: 'envoy.filters.network.meta_protocol_proxy' }
    const routes = { typed_config: { value: { rds: { routeConfigName: 'some.shop_80' } } } }
    const spec = { configPatches: [{ patch: { value: { ...value, ...routes } } }] }
    const name = 'aeraki-gateway-outbound-gateway.shop-80'
    api.put({ metadata: { name }, spec })
    const [router] = resources(`
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: some, namespace: shop }
spec: { hosts: [some.shop], gateways: [gateway] }
`) as [Resource]
    now.resources.set(keyOf(router), { resource: router, status: { conditions: [] }, origin: 'a' })
    writer.writeAll()
    await until(() => api.writes.length > 0 && clock.pendingTimers > 0)
    assert.ok(api.filters.has(name))
    now.resources.clear()
    writer.writeAll()
    await until(() => !api.filters.has(name))
  })

  test('leaves alone what a service of Redis has while what is said of it is refused', async () => {
    const service = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: cache, namespace: shop }
spec: { hosts: [cache.shop], addresses: [10.0.0.1], ports: [{ number: 80, name: tcp-redis }], resolution: STATIC }
`
    await using at = await start(worldOf(service))
    const { api, clock, now, writer, lines } = at
    const name = 'aeraki-outbound-cache.shop-10.0.0.1-80'
    api.put({ metadata: { name }, spec: { configPatches: [] } })
    const resource = {
      apiVersion: 'redis.aeraki.io/v1alpha1',
      kind: 'RedisService',
      metadata: { name: 'cache', namespace: 'shop' },
      spec: { host: [1, 'cache.shop.'], settings: { auth: {} } },
    } as unknown as Resource
    now.resources.set(keyOf(resource), { resource, status: { conditions: [] }, origin: 'a' })
    writer.writeAll()
    await until(() => clock.pendingTimers > 0)
    assert.deepEqual(api.writes, [])
    assert.ok(lines.some((line) => line.includes('for this host is refused')))
    now.resources.clear()
    writer.writeAll()
    await until(() => api.writes.length === 1)
    assert.match(JSON.stringify(api.filters.get(name)), /redis_proxy/)
  })

  test('leads calls as VirtualServices say, and as they said while nobody may read them', async () => {
    await using at = await start(worldOf(NATIVE))
    const { api, clock, now, writer } = at
    const outbound = 'aeraki-outbound-hello.shop-10.0.0.1-80'
    const words = () => JSON.stringify(api.filters.get(outbound)?.spec)
    const leadTo = (subset: string, resourceVersion: string) => {
      const http = [{ route: [{ destination: { host: 'hello.shop', subset } }] }]
      const metadata = { name: 'hello', namespace: 'shop', uid: 'a', resourceVersion }
      api.state.virtualServices = [{ metadata, spec: { hosts: ['hello.shop'], http } }]
      writer.writeAll()
    }
    leadTo('v1', '1')
    await until(() => words()?.includes('outbound|80|v1|hello.shop') && clock.pendingTimers === 1)
    leadTo('v2', '2')
    await until(() => words().includes('outbound|80|v2|hello.shop') && clock.pendingTimers === 1)
    const before = words()
    api.state.virtualServices = undefined
    now.world = worldOf(`${NATIVE}---${NATIVE.replaceAll('hello', 'another').replace('thrift', 'kafka')}`)
    writer.writeAll()
    await until(() => api.filters.has('aeraki-outbound-another.shop-10.0.0.1-80'))
    assert.equal(words(), before)
    assert.ok(at.lines.some((line) => line.includes('VirtualServices') && line.includes('forbidden')))
    assert.ok(at.lines.some((line) => line.includes('hello.shop:80: its VirtualServices cannot be read')))
  })

  test('leaves alone what workloads of Dubbo have while a policy for them is refused', async () => {
    await using at = await start(worldOf(`${NATIVE.replace('thrift', 'dubbo')}---${POLICY}`))
    const { api, clock, now, writer } = at
    const inbound = 'aeraki-inbound-hello.shop-80'
    const words = () => JSON.stringify(api.filters.get(inbound)?.spec)
    writer.writeAll()
    await until(() => words()?.includes('envoy.filters.dubbo.rbac') && clock.pendingTimers === 1)
    const before = words()
    const [policy] = resources(POLICY) as [Resource]
    now.resources.set(keyOf(policy), { resource: policy, status: { conditions: [] }, origin: 'a' })
    now.world = worldOf(NATIVE.replace('thrift', 'dubbo'))
    writer.writeAll()
    await until(() => at.lines.some((line) => line.includes('has a DubboAuthorizationPolicy that is refused')))
    await until(() => clock.pendingTimers === 1)
    assert.equal(words(), before)
    now.resources.clear()
    writer.writeAll()
    await until(() => !words().includes('envoy.filters.dubbo.rbac'))
  })

  test('ends at once, also while nobody answers', async () => {
    await using at = await start(world(1))
    at.api.state.fault = () => 'hang'
    at.writer.writeAll()
    await until(() => at.api.writes.length === 1)
    await at.writer.stop()
    at.tell()
    assert.equal(at.clock.pendingTimers, 0)
  })
})
