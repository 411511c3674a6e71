import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeCodecModule, encodeListener } from '@meltemi/api/encode'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { ResponseStatus } from '@meltemi/sdk'
import { looping } from '../harness/codecs/looping.ts'
import { type ControlStream, type FakeControlPlane, startFakeControlPlane } from '../harness/fake-control-plane.ts'
import { freePort } from '../harness/free-port.ts'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServer,
  type LiveProxy,
  startEchoServer,
  testListener,
  testMetaProtocol,
  testRoute,
} from '../harness/index.ts'
import { MeltemiProcess } from '../harness/meltemi-process.ts'
import {
  clusterBytes,
  edsClusterBytes,
  endpointBytes,
  listenerBytes,
  routeBytes,
  startXdsProxy,
  type XdsProxyOptions,
} from '../harness/xds-proxy.ts'

const root = mkdtempSync(join(tmpdir(), 'meltemi-xds-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Which of the services answers at this listener; undefined: none does. */
async function answers(
  proxy: LiveProxy,
  name: string,
  ...services: readonly EchoServer[]
): Promise<number | undefined> {
  const port = proxy.port(name)
  if (port === 0) return undefined
  const before = services.map(({ received }) => received.length)
  await using client = await connectClient({ port, codec: looping })
  const { status } = await client.request(awesomerpcFrame({ id: 1 }))
  if (status !== ResponseStatus.Ok) return undefined
  return services.findIndex(({ received }, index) => received.length > (before[index] as number))
}

async function until(isMet: () => boolean | Promise<boolean>, what: string, withinMs = 10_000): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await isMet())) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`)
    await sleep(20)
  }
}

async function ready(proxy: LiveProxy): Promise<string> {
  return (await proxy.get('/ready')).trim()
}

/** A listener `l` with routes to cluster `a`, all accepted; returns the stream. */
async function serve(control: FakeControlPlane, service: EchoServer): Promise<ControlStream> {
  const stream = await control.stream()
  stream.send('cluster', { a: edsClusterBytes('a') })
  await control.asked(stream, 'endpoint', 'a')
  stream.send('endpoint', { a: endpointBytes('a', service.port) })
  stream.send('listener', { l: listenerBytes('l') })
  await control.asked(stream, 'route', 'l')
  const nonce = stream.send('route', { l: routeBytes('l', 'a') })
  assert.equal(await control.answer(stream, nonce), undefined)
  return stream
}

async function start(options: Partial<XdsProxyOptions> = {}) {
  const control = await startFakeControlPlane()
  const proxy = await startXdsProxy({ port: control.port, ...options })
  return {
    control,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await control.kill()
    },
  }
}

for (const delta of [true, false]) {
  describe(`configuration from a control plane, ${delta ? 'delta' : 'state-of-the-world'}`, () => {
    test('comes into force piece by piece, each when what it needs is there, and then the proxy is ready', async () => {
      await using service = await startEchoServer({ codec: looping })
      await using setup = await start({ delta })
      const { control, proxy } = setup
      assert.equal(await ready(proxy), 'INITIALIZING')
      const stream = await control.stream()
      assert.equal(stream.kind, delta ? 'delta-ads' : 'ads')
      assert.deepEqual(
        [stream.node?.id, stream.node?.cluster, stream.node?.userAgentName],
        ['test-node', 'test', 'meltemi'],
      )
      stream.send('listener', { l: listenerBytes('l') })
      stream.send('cluster', { a: edsClusterBytes('a') })
      await control.asked(stream, 'route', 'l')
      await control.asked(stream, 'endpoint', 'a')
      stream.send('route', { l: routeBytes('l', 'a') })
      await sleep(100)
      assert.equal(proxy.port('l'), 0)
      stream.send('endpoint', { a: endpointBytes('a', service.port) })
      await until(async () => (await ready(proxy)) === 'LIVE', 'a proxy that is ready')
      assert.equal(await answers(proxy, 'l', service), 0)
      assert.equal(stream.requests.filter(({ node }) => node !== undefined).length, 1)
    })

    test('changes under a connection that is open, without an error', async () => {
      await using one = await startEchoServer({ codec: looping })
      await using two = await startEchoServer({ codec: looping })
      await using setup = await start({ delta })
      const { control, proxy } = setup
      const stream = await serve(control, one)
      await using client = await connectClient({ port: proxy.port('l'), codec: looping })
      assert.equal((await client.request(awesomerpcFrame({ id: 1 }))).status, ResponseStatus.Ok)
      stream.send('cluster', { a: edsClusterBytes('a'), b: clusterBytes('b', two.port) })
      const nonce = stream.send('route', { l: routeBytes('l', 'b') })
      assert.equal(await control.answer(stream, nonce), undefined)
      assert.equal((await client.request(awesomerpcFrame({ id: 2 }))).status, ResponseStatus.Ok)
      assert.deepEqual([one.received.length, two.received.length], [1, 1])
    })

    test('that is refused changes nothing, and the control plane is told all that is wrong', async () => {
      await using service = await startEchoServer({ codec: looping })
      await using setup = await start({ delta })
      const { control, proxy } = setup
      const stream = await serve(control, service)
      const nonce = stream.send('cluster', { a: Uint8Array.of(0xff), xds: clusterBytes('xds', 1) })
      const fault = (await control.answer(stream, nonce)) ?? ''
      assert.match(fault, /cannot be read as envoy\.config\.cluster\.v3\.Cluster/)
      assert.match(fault, /cluster "xds": came with the bootstrap and cannot be changed/)
      const taken = stream.send('listener', {
        l: listenerBytes('l'),
        m: listenerBytes('m', { address: { host: '127.0.0.1', port: proxy.running.adminAddress.port } }),
      })
      // its routes are not there: that it cannot be opened is found later, and is nobody else's loss
      assert.equal(await control.answer(stream, taken), undefined)
      assert.equal(await answers(proxy, 'l', service), 0)
      assert.equal(await proxy.stat('cluster_manager.cds.update_rejected'), 1)
    })

    test('with a listener that cannot be opened is refused with why', async () => {
      await using service = await startEchoServer({ codec: looping })
      await using setup = await start({ delta })
      const { control, proxy } = setup
      const stream = await serve(control, service)
      const address = { host: '127.0.0.1', port: service.port }
      const filter = testMetaProtocol(looping.name)
      const bytes = encodeListener({ ...testListener('m', filter), address })
      const nonce = stream.send('listener', { l: listenerBytes('l'), m: bytes })
      assert.match((await control.answer(stream, nonce)) ?? '', /listener 'm' cannot listen on .*: the port is in use/)
      assert.equal(await answers(proxy, 'l', service), 0)
    })

    test('goes on when the control plane is gone, and is brought up to date when it is back', async () => {
      await using one = await startEchoServer({ codec: looping })
      await using two = await startEchoServer({ codec: looping })
      await using setup = await start({ delta })
      const { control, proxy } = setup
      const { port } = control
      const before = await serve(control, one)
      const lastVersion = before.requests.at(-1)
      await control.kill()
      await until(async () => (await proxy.stat('control_plane.connected_state')) === 0, 'a loss that is noticed')
      assert.equal(await answers(proxy, 'l', one, two), 0)
      assert.equal(await ready(proxy), 'LIVE')
      await using again = await startFakeControlPlane(port)
      const stream = await again.stream()
      await again.until(() => stream.requests.length >= 4, 'the first requests of a new stream')
      assert.equal(stream.node?.id, 'test-node')
      if (delta) {
        const held = stream.requests.map((request) =>
          'initialResourceVersions' in request ? request.initialResourceVersions : {},
        )
        assert.deepEqual(
          held.map((versions) => Object.keys(versions)),
          [['a'], ['a'], ['l'], ['l']],
        )
      } else
        assert.equal(
          (lastVersion as { versionInfo: string }).versionInfo,
          (stream.requests.at(-1) as { versionInfo: string }).versionInfo,
        )
      stream.send('endpoint', { a: endpointBytes('a', two.port) })
      await until(async () => (await answers(proxy, 'l', one, two)) === 1, 'the other service')
    })

    test('never leads to a cluster that is gone, whatever the control plane removes', async () => {
      await using service = await startEchoServer({ codec: looping })
      await using setup = await start({ delta })
      const { control, proxy } = setup
      const stream = await serve(control, service)
      const nonce = stream.send('cluster', { b: clusterBytes('b', service.port) }, { removed: ['a'] })
      assert.equal(await control.answer(stream, nonce), undefined)
      assert.equal(await answers(proxy, 'l', service), 0)
      const moved = stream.send('route', { l: routeBytes('l', 'b') })
      assert.equal(await control.answer(stream, moved), undefined)
      assert.equal(await answers(proxy, 'l', service), 0)
      assert.equal(
        proxy.running.config.clusters.some(({ name }) => name === 'a'),
        false,
      )
    })
  })
}

describe('a hostile or broken control plane', () => {
  test('may send garbage of every kind: it is refused, and traffic goes on', async () => {
    await using service = await startEchoServer({ codec: looping })
    await using setup = await start()
    const { control, proxy } = setup
    const stream = await serve(control, service)
    const types = ['extensionConfig', 'cluster', 'endpoint', 'listener', 'route'] as const
    for (const [index, type] of types.entries()) {
      const garbage = Uint8Array.from({ length: 300 }, (_, at) => (at * 31 + index * 7) % 256)
      const nonce = stream.send(type, { [type === 'endpoint' ? 'a' : 'l']: garbage })
      // of modules nothing was asked for
      if (type !== 'extensionConfig') assert.match((await control.answer(stream, nonce)) ?? '', /cannot be read as/)
    }
    stream.sendRaw({ typeUrl: 'type.googleapis.com/a.B', nonce: 'other', resources: [] })
    stream.sendRaw({ nonce: 'nothing' })
    const nonce = stream.send('endpoint', { a: endpointBytes('a', service.port) })
    assert.equal(await control.answer(stream, nonce), undefined)
    assert.equal(await answers(proxy, 'l', service), 0)
  })

  test('may repeat nonces and send what was not asked for: each response has its own answer', async () => {
    await using service = await startEchoServer({ codec: looping })
    await using setup = await start({ delta: false })
    const { control, proxy } = setup
    const stream = await serve(control, service)
    stream.send('route', { other: routeBytes('other', 'nowhere') }, { nonce: 'same' })
    stream.send('route', { l: routeBytes('l', 'a') }, { nonce: 'same' })
    assert.equal(await control.answer(stream, 'same'), undefined)
    // a new name is asked for with the newest nonce
    stream.send('listener', { l: listenerBytes('l'), m: listenerBytes('m') })
    await control.asked(stream, 'route', 'm')
    const request = stream.requests.findLast(({ typeUrl }) => typeUrl.endsWith('RouteConfiguration'))
    assert.equal(request?.responseNonce, 'same')
    assert.equal(await answers(proxy, 'l', service), 0)
  })

  test('may end streams as often as it likes', async () => {
    await using service = await startEchoServer({ codec: looping })
    await using setup = await start()
    const { control, proxy } = setup
    await serve(control, service)
    for (let round = 0; round < 3; round++) {
      const count = control.streams.length
      control.streams.at(-1)?.end()
      await control.until(() => control.streams.length > count, 'a new stream')
    }
    assert.equal(await answers(proxy, 'l', service), 0)
  })
})

test('routes from a service of their own are shared by two listeners of the bootstrap', async () => {
  await using service = await startEchoServer({ codec: looping })
  await using control = await startFakeControlPlane()
  const api_config_source = { api_type: 'GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] }
  const rds = { route_config_name: 'shared', config_source: { api_config_source } }
  const listener = (name: string) => ({
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [
      {
        filters: [
          {
            name: 'meta',
            typed_config: {
              '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
              stat_prefix: name,
              protocol: { name: 'test', codec: { name: looping.name } },
              rds,
            },
          },
        ],
      },
    ],
  })
  await using proxy = await startXdsProxy({
    port: control.port,
    dynamic: {},
    listeners: [listener('one'), listener('two')],
  })
  const stream = await control.stream('routes')
  await control.asked(stream, 'route', 'shared')
  assert.equal(control.streams.length, 1)
  assert.deepEqual([await ready(proxy), proxy.port('one')], ['INITIALIZING', 0])
  // the only cluster is the control plane's own, which speaks something else: that there is a route is enough
  const nonce = stream.send('route', { shared: routeBytes('shared', 'none') })
  assert.equal(await control.answer(stream, nonce), undefined)
  await until(async () => (await ready(proxy)) === 'LIVE', 'a proxy that is ready')
  for (const name of ['one', 'two']) {
    await using client = await connectClient({ port: proxy.port(name), codec: looping })
    assert.equal((await client.request(awesomerpcFrame({ id: 1 }))).status, ResponseStatus.Error)
    assert.equal(await proxy.stat(`meta_protocol.test.${name}.rds.shared.update_success`), 1)
    assert.equal(await proxy.stat(`meta_protocol.test.${name}.rds.shared.config_reload`), 1)
  }
  const refused = stream.send('route', { other: routeBytes('other', 'none') })
  assert.equal(await control.answer(stream, refused), 'Unexpected RDS configuration (expecting shared): other')
  assert.equal(await proxy.stat('meta_protocol.test.one.rds.shared.update_rejected'), 1)
  assert.equal(service.received.length, 0)
})

test('a first configuration that does not come is not waited for for ever', async () => {
  await using setup = await start({ fetchTimeout: '0.3s' })
  const { proxy } = setup
  assert.equal(await ready(proxy), 'INITIALIZING')
  await until(async () => (await ready(proxy)) === 'LIVE', 'a proxy that is ready')
  assert.equal(await proxy.stat('listener_manager.lds.init_fetch_timeout'), 1)
})

describe('the last good configuration on the disk', () => {
  async function keep(cacheFolder: string, service: EchoServer): Promise<void> {
    await using setup = await start({ cacheFolder })
    await serve(setup.control, service)
    await until(async () => (await ready(setup.proxy)) === 'LIVE', 'a proxy that is ready')
  }

  test('serves a proxy that starts without a control plane, which is heard as soon as it is there', async () => {
    await using one = await startEchoServer({ codec: looping })
    await using two = await startEchoServer({ codec: looping })
    const cacheFolder = join(root, 'kept')
    await keep(cacheFolder, one)
    const unused = await startFakeControlPlane()
    const { port } = unused
    await unused.kill()
    await using proxy = await startXdsProxy({ port, cacheFolder })
    await until(async () => (await ready(proxy)) === 'LIVE', 'a proxy that is ready')
    assert.equal(await answers(proxy, 'l', one, two), 0)
    await using control = await startFakeControlPlane(port)
    const stream = await control.stream()
    await control.asked(stream, 'endpoint', 'a')
    stream.send('endpoint', { a: endpointBytes('a', two.port) })
    await until(async () => (await answers(proxy, 'l', one, two)) === 1, 'the other service')
  })

  test('that is damaged is ignored', async () => {
    await using service = await startEchoServer({ codec: looping })
    const cacheFolder = join(root, 'damaged')
    await keep(cacheFolder, service)
    const file = join(cacheFolder, 'resources')
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -100))
    await using proxy = await startXdsProxy({ port: 1, cacheFolder, fetchTimeout: '0.3s' })
    await until(async () => (await ready(proxy)) === 'LIVE', 'a proxy that is ready')
    assert.equal(proxy.port('l'), 0)
  })
})

describe('a codec that comes with the configuration', () => {
  const source = (besides = '') => `
    ${besides}
    const codec = {
      decode: (buffer) => buffer.length < 4 ? 0 : (buffer.take(4), 1),
      encode: () => {},
      onError: (request, failure, out) => out.write(Buffer.from('FAIL')),
    }
    export const codecs = [{ name: 'test.delivered', contract: 1, correlation: 'order', create: () => codec }]`
  const moduleOf = (text: string) => {
    const bytes = Buffer.from(text)
    return { source: bytes, digest: createHash('sha256').update(bytes).digest('hex') }
  }
  const listenerWith = (moduleDigest: string) => {
    const filter = testMetaProtocol('test.delivered', {
      codec: { name: 'test.delivered', options: undefined, moduleDigest },
    })
    return encodeListener(testListener('l', filter))
  }
  const moduleBytes = ({ source: bytes, digest }: ReturnType<typeof moduleOf>) =>
    encodeCodecModule({ codec: 'test.delivered', digest, source: bytes })

  test('is loaded before the listener that needs it, replaced by another, and told with its digest', async () => {
    await using setup = await start({ concurrency: 2 })
    const { control, proxy } = setup
    const stream = await control.stream()
    const [one, two] = [moduleOf(source('// one')), moduleOf(source('// two'))]
    stream.send('cluster', {})
    stream.send('listener', { l: listenerWith(one.digest) })
    await control.asked(stream, 'extensionConfig', 'test.delivered')
    assert.equal(proxy.port('l'), 0)
    const first = stream.send('extensionConfig', { 'test.delivered': moduleBytes(one) })
    assert.equal(await control.answer(stream, first), undefined)
    await until(() => proxy.port('l') !== 0, 'the listener')
    assert.match(await proxy.get('/codecs'), new RegExp(one.digest))
    const second = stream.send('extensionConfig', { 'test.delivered': moduleBytes(two) })
    assert.equal(await control.answer(stream, second), undefined)
    const third = stream.send('listener', { l: listenerWith(two.digest) })
    assert.equal(await control.answer(stream, third), undefined)
    await until(async () => !(await proxy.get('/codecs')).includes(one.digest), 'the end of the first version')
    assert.match(await proxy.get('/codecs'), new RegExp(two.digest))
  })

  test('is refused with why when its digest is wrong or it is broken, and the old one stays', async () => {
    await using setup = await start()
    const { control, proxy } = setup
    const stream = await control.stream()
    const good = moduleOf(source())
    stream.send('cluster', {})
    stream.send('listener', { l: listenerWith(good.digest) })
    await control.asked(stream, 'extensionConfig', 'test.delivered')
    stream.send('extensionConfig', { 'test.delivered': moduleBytes(good) })
    await until(() => proxy.port('l') !== 0, 'the listener')
    for (const [module, why] of [
      [{ ...good, digest: 'a'.repeat(64) }, /the source has digest/],
      [moduleOf('export const codecs = ['), /SyntaxError/],
      [moduleOf("throw new Error('not today')"), /not today/],
      [moduleOf('while (true);'), /has not finished loading/],
      [moduleOf('export const codecs = []'), /does not bring codec 'test.delivered'/],
    ] as const) {
      const nonce = stream.send('extensionConfig', { 'test.delivered': moduleBytes(module) })
      await control.until(() => stream.requests.some(({ responseNonce }) => responseNonce === nonce), 'an answer')
      assert.match((await control.answer(stream, nonce)) ?? '', why)
    }
    assert.match(await proxy.get('/codecs'), new RegExp(good.digest))
    assert.notEqual(proxy.port('l'), 0)
  })
})

test('the command has its configuration by --xds, and after a crash without a control plane from the disk', async () => {
  await using service = await startEchoServer({ codec: awesomerpc })
  const control = await startFakeControlPlane()
  const env = { XDG_CACHE_HOME: join(root, 'xdg') }
  const node = ['--node-id', 'edge/1', '--scope', 'hello', '--node-metadata', 'A=b']
  const args = ['proxy', '--xds', `127.0.0.1:${control.port}`, ...node, '--admin-address', '127.0.0.1:0']
  const port = await freePort()
  {
    await using proxy = new MeltemiProcess(args, { env })
    const stream = await control.stream()
    const page = await adminPage(proxy)
    assert.equal(await statusOf(page), 503)
    await control.until(() => stream.requests.length > 0, 'a request')
    assert.deepEqual([stream.node?.id, stream.node?.metadata], ['edge/1', { A: 'b', SCOPE: ['hello'] }])
    stream.send('cluster', { a: clusterBytes('a', service.port) })
    const filter = testMetaProtocol(awesomerpc.name, { routes: { name: 't', routes: [testRoute('a')] } })
    const address = { host: '127.0.0.1', port }
    stream.send('listener', { l: encodeListener(testListener('l', filter, { address })) })
    await until(async () => (await statusOf(page)) === 200, 'a proxy that is ready')
    assert.equal(await replyAt(port), ResponseStatus.Ok)
    // it is written two seconds after the last change
    const file = join(root, 'xdg/meltemi/xds/edge%2F1/resources')
    await until(() => existsSync(file), 'the file')
    proxy.child.kill('SIGKILL')
  }
  await control.kill()
  await using again = new MeltemiProcess(args, { env })
  const page = await adminPage(again)
  await until(async () => (await statusOf(page)) === 200, 'a proxy that is ready')
  assert.equal(await replyAt(port), ResponseStatus.Ok)
})

/** Of `/ready`. */
async function adminPage(proxy: MeltemiProcess): Promise<string> {
  const [, address] = await proxy.said(/"address":"(127\.0\.0\.1:\d+)","msg":"admin pages"/)
  return `http://${address}/ready`
}

async function statusOf(page: string): Promise<number> {
  const reply = await fetch(page, { headers: { connection: 'close' } })
  await reply.arrayBuffer()
  return reply.status
}

async function replyAt(port: number): Promise<ResponseStatus> {
  await using client = await connectClient({ port, codec: awesomerpc })
  return (await client.request(awesomerpcFrame({ id: 1 }))).status
}
