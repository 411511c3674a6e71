import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ChannelCredentials, Client, Metadata, Server, ServerCredentials } from '@grpc/grpc-js'
import { register } from '@grpc/grpc-js-xds'
import { encodeCluster, encodeEndpoints, encodeRoutes } from '@meltemi/api/encode'
import { testCluster, testRoute } from '../../harness/index.ts'
import { apiListener } from './hand-made.ts'
import { until, type WorldContents, XdsWorld } from './xds-world.ts'

const METHOD = '/test.Named/Ask'
const identity = (bytes: Buffer) => bytes

/** A service that answers with its name. */
async function startNamed(name: string): Promise<{ readonly server: Server; readonly port: number }> {
  const server = new Server()
  const ask = {
    path: METHOD,
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  }
  server.addService(
    { ask },
    { ask: (_: unknown, callback: (error: null, reply: Buffer) => void) => callback(null, Buffer.from(name)) },
  )
  const port = await new Promise<number>((resolve, reject) => {
    const done = (error: Error | null, bound: number) => (error === null ? resolve(bound) : reject(error))
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), done)
  })
  return { server, port }
}

function cluster(name: string): Uint8Array {
  const eds = { serviceName: name, source: { kind: 'ads', initialFetchTimeoutMs: 15_000 } } as const
  return encodeCluster(testCluster(name, [], { discovery: 'eds', eds }))
}

/** With a weight of their locality, without which gRPC takes none. */
function endpoints(name: string, port: number): Uint8Array {
  const placed = testCluster(name, [port]).endpoints.map((endpoint) => ({ ...endpoint, localityWeight: 1 }))
  return encodeEndpoints({ cluster: name, endpoints: placed })
}

/** The target leads to the cluster, and the cluster to the port. */
function leading(to: string, port: number): WorldContents {
  return {
    cluster: { [to]: cluster(to) },
    endpoint: { [to]: endpoints(to, port) },
    listener: { greeter: apiListener('greeter', 'greeter_routes') },
    route: { greeter_routes: encodeRoutes({ name: 'greeter_routes', routes: [testRoute(to)] }) },
  }
}

describe('gRPC itself, as client of xDS', () => {
  let red: Awaited<ReturnType<typeof startNamed>>
  let blue: Awaited<ReturnType<typeof startNamed>>
  let world: XdsWorld
  let client: Client

  const ask = () =>
    new Promise<string>((resolve) => {
      const options = { deadline: Date.now() + 5_000 }
      client.makeUnaryRequest(METHOD, identity, identity, Buffer.alloc(0), new Metadata(), options, (error, reply) =>
        resolve(error === null ? String(reply) : error.message),
      )
    })
  const answers = async (name: string) => {
    let last = ''
    await until(
      async () => {
        last = await ask()
        return last === name
      },
      () => `${last}, not ${name}; ${world.states().join()}`,
    )
  }

  before(async () => {
    red = await startNamed('red')
    blue = await startNamed('blue')
    world = await XdsWorld.start(leading('one', red.port))
    const server = { server_uri: `127.0.0.1:${world.port}`, channel_creds: [{ type: 'insecure' }] }
    const bootstrap = { xds_servers: [server], node: { id: 'sidecar~127.0.0.1~grpc.test~test', locality: {} } }
    process.env['GRPC_XDS_BOOTSTRAP_CONFIG'] = JSON.stringify(bootstrap)
    register()
    client = new Client('xds:///greeter', ChannelCredentials.createInsecure())
  })
  after(async () => {
    client.close()
    red.server.forceShutdown()
    blue.server.forceShutdown()
    await world[Symbol.asyncDispose]()
  })

  test('finds its way by listener, routes, cluster and endpoints', async () => {
    await answers('red')
    await world.synced('cluster', 'endpoint', 'listener', 'route')
    assert.equal(world.proxies[0]?.node.userAgent, 'gRPC Node Pure JS')
    assert.equal(world.count('nacks'), 0)
  })

  test('follows endpoints, and routes to another cluster', async () => {
    world.change(leading('one', blue.port))
    await answers('blue')
    world.change(leading('two', red.port))
    await answers('red')
    await world.synced('cluster', 'endpoint', 'listener', 'route')
  })

  test('rejects what is bad, which is seen, and keeps what it has', async () => {
    const good = leading('two', red.port)
    // A cluster without a way to find endpoints.
    world.change({ ...good, cluster: { two: encodeCluster(testCluster('two', [], { discovery: 'strict-dns' })) } })
    await until(
      () => world.states().includes('cluster rejected'),
      () => world.states().join(),
    )
    const clusters = world.proxies[0]?.types.find(({ type }) => type === 'cluster')
    assert.match(clusters?.error ?? '', /STRICT_DNS/)
    assert.equal(await ask(), 'red')
    world.change(leading('two', blue.port))
    await answers('blue')
    await world.synced('cluster', 'endpoint', 'listener', 'route')
  })

  test('goes on without its control plane, and takes up where it was with another', async () => {
    await world.close()
    assert.equal(await ask(), 'blue')
    await world.listen()
    await world.synced('cluster', 'endpoint', 'listener', 'route')
    world.change(leading('three', red.port))
    await answers('red')
    assert.equal(world.count('nacks'), 0)
  })
})
