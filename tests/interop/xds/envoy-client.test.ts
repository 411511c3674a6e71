import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { encodeCluster, encodeEndpoints, encodeListener } from '@meltemi/api/encode'
import { findFreePort } from '../../../benchmarks/peers/peer.ts'
import { testCluster } from '../../harness/index.ts'
import { type EnvoyProcess, startEnvoy } from './envoy-process.ts'
import { nameOnly } from './hand-made.ts'
import { until, type WorldContents, XdsWorld } from './xds-world.ts'

const NODE_ID = 'sidecar~127.0.0.1~envoy.test~test.svc.cluster.local'

/** A service that says its name to each client. */
async function startNamed(name: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).end(name))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** What the service at the other end is called; empty when there is none. */
async function ask(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

function cluster(name: string, connectTimeoutMs = 1000): Uint8Array {
  const eds = { serviceName: name, source: { kind: 'ads', initialFetchTimeoutMs: 15_000 } } as const
  return encodeCluster(testCluster(name, [], { discovery: 'eds', eds, connectTimeoutMs }))
}

function endpoints(name: string, port: number): Uint8Array {
  return encodeEndpoints({ cluster: name, endpoints: testCluster(name, [port]).endpoints })
}

function listener(name: string, port: number, to: string): Uint8Array {
  return encodeListener({
    name,
    address: { host: '127.0.0.1', port },
    direction: 'unspecified',
    proxyProtocol: false,
    bufferLimitBytes: 1024 * 1024,
    maxConnections: 0,
    filter: {
      kind: 'tcp-proxy',
      statPrefix: name,
      clusters: [{ cluster: to, weight: 1 }],
      idleTimeoutMs: 3_600_000,
      maxConnectAttempts: 1,
    },
  })
}

for (const isDelta of [false, true]) {
  describe(`a real Envoy, ${isDelta ? 'incremental' : 'state of the world'}`, () => {
    const services: Server[] = []
    let world: XdsWorld
    let envoy: EnvoyProcess
    let port: number

    const addressOf = (index: number) => (services[index] as Server).address() as AddressInfo
    /** The listener leads to the cluster, and the cluster to the service. */
    const leading = (to: string, service: number, connectTimeoutMs?: number): WorldContents => ({
      cluster: { [to]: cluster(to, connectTimeoutMs) },
      endpoint: { [to]: endpoints(to, addressOf(service).port) },
      listener: { front: listener('front', port, to) },
    })
    const answers = (name: string) =>
      until(
        async () => (await ask(port)) === name,
        () => `no answer of ${name}; ${world.states().join()}\n${envoy.log()}`,
      )

    before(async () => {
      services.push(await startNamed('red'), await startNamed('blue'))
      port = await findFreePort()
      world = await XdsWorld.start(leading('one', 0))
      envoy = startEnvoy({ xdsPort: world.port, nodeId: NODE_ID, isDelta })
    })
    after(async () => {
      await envoy[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
      for (const service of services) service.close()
    })

    test('takes clusters, endpoints and listeners, and serves', async () => {
      await answers('red')
      await world.synced('cluster', 'endpoint', 'listener')
      assert.equal(world.proxies[0]?.node.id, NODE_ID)
      assert.equal(world.proxies[0]?.node.userAgent, 'envoy')
      assert.equal(world.count('nacks'), 0)
    })

    test('follows its endpoints', async () => {
      world.change(leading('one', 1))
      await answers('blue')
      await world.synced('cluster', 'endpoint', 'listener')
    })

    test('warms a cluster that has changed, with endpoints that have not', async () => {
      world.change(leading('one', 1, 2000))
      await world.synced('cluster', 'endpoint', 'listener')
      await answers('blue')
      world.change(leading('one', 0, 2000))
      await answers('red')
    })

    test('never fails while what it uses is replaced', async () => {
      let isOver = false
      const failures: string[] = []
      const asking = (async () => {
        let asked = 0
        for (; !isOver; asked++) {
          const answer = await ask(port)
          if (answer !== 'red' && answer !== 'blue') failures.push(`${asked}: ${JSON.stringify(answer)}`)
        }
        return asked
      })()
      for (const [index, name] of ['two', 'three', 'four', 'five', 'six'].entries()) {
        world.change(leading(name, index % 2))
        await world.synced('cluster', 'endpoint', 'listener')
        await answers(['red', 'blue'][index % 2] as string)
      }
      isOver = true
      assert.ok((await asking) > 10)
      assert.deepEqual(failures, [])
      assert.equal(world.count('nacks'), 0)
    })

    test('follows changes that are faster than it can be', async () => {
      for (let change = 0; change < 40; change++) {
        world.change(leading(['seven', 'eight', 'six'][change % 3] as string, change % 2))
        if (change % 4 === 0) await setTimeout(change % 7)
      }
      const startMs = performance.now()
      world.change(leading('six', 1))
      await world.synced('cluster', 'endpoint', 'listener')
      await answers('blue')
      assert.ok(performance.now() - startMs < 5_000, 'it waited for what does not come')
    })

    test('rejects a listener that is bad, which is seen, and keeps the good one', async () => {
      const good = leading('six', 0)
      world.change({ ...good, listener: { ...good.listener, empty: nameOnly('empty') } })
      await until(
        () => world.states().includes('listener rejected'),
        () => world.states().join(),
      )
      const listeners = world.proxies[0]?.types.find(({ type }) => type === 'listener')
      assert.match(listeners?.error ?? '', /empty/)
      assert.notEqual(listeners?.sentVersion, listeners?.ackedVersion)
      assert.equal(await ask(port), 'red')
      world.change(leading('six', 1))
      await answers('blue')
      await world.synced('cluster', 'endpoint', 'listener')
    })

    test('goes on without its control plane, and takes up where it was with another', async () => {
      await world.close()
      assert.equal(await ask(port), 'blue')
      await world.listen()
      await until(
        () => world.proxies.length === 1,
        () => `not back\n${envoy.log()}`,
      )
      assert.equal(await ask(port), 'blue')
      if (isDelta) {
        await setTimeout(300)
        assert.equal(world.count('pushes'), 0, 'it has everything')
      } else {
        await world.synced('cluster', 'endpoint', 'listener')
      }
      world.change(leading('six', 0))
      await answers('red')
      assert.equal(world.count('nacks'), 0)
      assert.ok(envoy.isRunning)
    })
  })
}
