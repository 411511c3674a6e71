/** A proxy under traffic that has something to show in every chart of it. */

import { fileURLToPath } from 'node:url'
import type { ListenerConfig, MetadataMatcher, ProxyConfig, RouteConfig } from '@meltemi/api'
import { loadModules, type RunningProxy, startProxy } from '@meltemi/proxy'
import { mutable, mutableFrame } from '../../harness/codecs/index.ts'
import {
  connectClient,
  type EchoServer,
  freePort,
  type Handler,
  MeltemiProcess,
  MeshFolder,
  startEchoServer,
  testCluster,
  testRoute,
} from '../../harness/index.ts'

const MODULE = fileURLToPath(new URL('../../harness/codecs/index.ts', import.meta.url))
const HOST = 'users.mesh.svc.cluster.local'
const EVERY_MS = 20
const ANY_PORT = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']
const METHODS = ['get', 'put', 'fail', 'nowhere'] as const

/** `fail` is answered with a failure. */
const answer: Handler = (request, connection) => {
  const status = request.get('method') === 'fail' ? 1 : 0
  connection.send(mutableFrame({ id: Number(request.requestId), status }))
}

/** Where to scrape: `host:port`. */
export interface ChartDemo extends AsyncDisposable {
  /** Of a proxy under traffic, with a configuration of its own. */
  readonly proxy: string
  /** Of a proxy that has its configuration from a control plane. */
  readonly meshProxy: string
  readonly controlPlane: string
}

export async function startChartDemo(): Promise<ChartDemo> {
  const servers = await Promise.all(
    ['v1', 'v2', 'shadow'].map(() => startEchoServer({ codec: mutable, handler: answer })),
  )
  const proxy = await startProxy({
    config: configuration(servers),
    bootstrap: {},
    modules: (await loadModules([MODULE])).modules.map(({ version }) => version),
    watchModules: false,
    concurrency: 1,
    adminAddress: { host: '127.0.0.1', port: 0 },
    drainTimeS: 0,
    logLevel: 'off',
    memoryLimitBytes: undefined,
  })
  const traffic = await startTraffic(proxy)
  const mesh = await startMesh()
  return {
    ...mesh,
    proxy: `${proxy.adminAddress.host}:${proxy.adminAddress.port}`,
    async [Symbol.asyncDispose]() {
      await mesh[Symbol.asyncDispose]()
      await traffic[Symbol.asyncDispose]()
      await proxy.stop()
      for (const server of servers) await server.close()
    },
  }
}

/** A control plane and its proxy, from resources alone. */
async function startMesh(): Promise<Omit<ChartDemo, 'proxy'>> {
  const folder = new MeshFolder({ port: await freePort(), versions: { v1: 1 } })
  const up = new MeltemiProcess(['up', folder.path, ...ANY_PORT, '--log-level', 'warn'], {
    env: { XDG_RUNTIME_DIR: folder.path },
  })
  const dispose = async () => {
    await up[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  }
  try {
    const [, controlPlane = '', meshProxy = ''] = await up.said(
      /page and API http:\/\/(\S+)\/ .*proxy admin http:\/\/(\S+)\//,
    )
    return { controlPlane, meshProxy, [Symbol.asyncDispose]: dispose }
  } catch (error: unknown) {
    await dispose()
    throw error
  }
}

async function startTraffic(proxy: RunningProxy): Promise<AsyncDisposable> {
  const port = proxy.config.listeners[0]?.address.port ?? 0
  const client = await connectClient({ port, codec: mutable })
  let id = 0
  const timer = setInterval(() => {
    const method = METHODS[id % METHODS.length] as string
    client.send(mutableFrame({ id: ++id, pairs: { method } }))
    client.received.length = 0
  }, EVERY_MS)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await client.close()
    },
  }
}

function clusterName(subset: string): string {
  return `outbound|9090|${subset}|${HOST}`
}

function configuration(servers: readonly EchoServer[]): ProxyConfig {
  const subsets = ['v1', 'v2', 'shadow']
  return {
    node: { id: '', cluster: '', metadata: {} },
    admin: undefined,
    listeners: [listener()],
    clusters: subsets.map((subset, at) => testCluster(clusterName(subset), [(servers[at] as EchoServer).port])),
    dynamic: { ads: undefined, listeners: undefined, clusters: undefined },
    modules: [],
  }
}

function routes(): readonly RouteConfig[] {
  const isKnown: MetadataMatcher = {
    name: 'method',
    test: { kind: 'regex', pattern: 'get|put|fail' },
    invert: false,
    treatMissingAsEmpty: false,
  }
  const split = ['v1', 'v2'].map((subset, at) => ({ cluster: clusterName(subset), weight: 90 - 80 * at }))
  return [
    testRoute('split', {
      match: { metadata: [isKnown] },
      clusters: split,
      mirrors: [{ cluster: clusterName('shadow'), numerator: 50, denominator: 100 }],
    }),
  ]
}

function listener(): ListenerConfig {
  return {
    name: 'users',
    address: { host: '127.0.0.1', port: 0 },
    direction: 'outbound',
    proxyProtocol: false,
    bufferLimitBytes: 1024 * 1024,
    maxConnections: 0,
    filter: {
      kind: 'meta-protocol',
      statPrefix: `outbound|9090||${HOST}`,
      applicationProtocol: 'mutable',
      codec: { name: mutable.name, options: undefined, moduleDigest: undefined },
      multiplexing: true,
      filters: [],
      routes: { name: `${HOST}_9090`, routes: routes() },
      rds: undefined,
      idleTimeoutMs: 0,
      maxMessageBytes: 1024 * 1024,
      maxInFlightPerConnection: 1024,
      requestTimeoutMs: 15_000,
      maxDownstreamBufferBytes: 1024 * 1024,
      partialMessageTimeoutMs: 0,
      generateRequestId: false,
    },
  }
}
