import type { ResourceKey } from '@meltemi/api'
import { type Clock, type Logger, type MetricReader, type MetricRegistry, systemClock } from '@meltemi/runtime'
import { type ApiOptions, type RunningApi, startApi } from './admin/api.ts'
import type { Backend, StoredResource } from './admin/backend.ts'
import { FileBackend, type FileBackendOptions } from './file-backend.ts'
import { KubernetesBackend } from './kubernetes/backend.ts'
import { ClusterWebhook, type WebhookOptions } from './kubernetes/cluster-webhook.ts'
import { ClusterWriter } from './kubernetes/cluster-writer.ts'
import { type Cluster, connectCluster } from './kubernetes/connect-cluster.ts'
import type { MeshOptions } from './kubernetes/mesh-options.ts'
import { KubernetesSource } from './kubernetes/source.ts'
import { Pipeline } from './pipeline.ts'
import { FilesSource } from './sources/files.ts'
import type { Source } from './sources/source.ts'
import type { DefaultProtocol } from './store/protocol-table.ts'
import type { World } from './store/world.ts'
import { RunningCodecs } from './telemetry/running-codecs.ts'
import { telemetryService } from './telemetry/telemetry-service.ts'
import { TrafficStore } from './telemetry/traffic-store.ts'
import { readTlsFiles, type TlsFiles, TlsFilesWatch } from './xds/tls-files.ts'
import { type XdsAddress, type XdsLimits, XdsServer } from './xds/xds-server.ts'

export interface ControlPlaneOptions {
  /** Where resources come from: a folder with files or one file, or a cluster. */
  readonly resources: string | KubernetesOptions
  readonly xds: Omit<XdsAddress, 'tls'>
  /** Files with what xDS shows of itself and wants to see of clients; read again as they change. undefined: no TLS. */
  readonly xdsTls?: TlsFiles | undefined
  /** undefined: no API. */
  readonly api?: Omit<ApiOptions, 'backend' | 'traffic' | 'codecs' | 'metrics' | 'logger'> | undefined
  /** Protocols whose codecs proxies bring along. */
  readonly defaultProtocols: readonly DefaultProtocol[]
  /** Where services without an address of their own listen; default 127.0.0.1. */
  readonly listenHost?: string
  /** Of the cluster; default `cluster.local`. */
  readonly domain?: string
  /** Of certificates in policies: the own one, then those that it has had or is also known by; default `cluster.local`. */
  readonly trustDomains?: readonly string[]
  /** A folder for modules, from which they are there at the next start; undefined: none. */
  readonly moduleCache?: string | undefined
  /** How long nothing may happen before a change is put through; default 100. */
  readonly quietMs?: number
  /** No change waits longer than this; default 1,000. */
  readonly maxDelayMs?: number
  readonly limits?: Partial<XdsLimits>
  /** What is wrong with resources goes to the log when it comes; default true. */
  readonly logsProblems?: boolean
  readonly logger: Logger
  readonly metrics: MetricRegistry & MetricReader
  readonly clock?: Clock
}

export interface KubernetesOptions {
  /** A kubeconfig; undefined: as kubectl finds it, or that of the pod. */
  readonly kubeconfig: string | undefined
  /** Where the Lease is that replicas elect their leader by; undefined: that of the pod, or of the kubeconfig's context. */
  readonly namespace: string | undefined
  /** Answers the API server's questions whether resources may be stored; default: none. */
  readonly webhook?: WebhookOptions | undefined
  /** What is written into the cluster in the place of Aeraki; default: nothing. */
  readonly mesh?: MeshOptions | undefined
}

/** A control plane at work. */
export interface ControlPlane {
  readonly xdsPort: number
  /** undefined: there is no webhook. */
  readonly webhookPort: number | undefined
  readonly api: RunningApi | undefined
  readonly backend: Backend
  world(): World
  /** Every resource with what became of it. */
  statuses(): ReadonlyMap<ResourceKey, StoredResource>
  /** Proxies keep what they have. */
  close(): Promise<void>
}

/** Resolves when all resources have been read and proxies can ask. Rejects, with nothing left behind, when it cannot. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { logger, metrics, clock = systemClock, listenHost = '127.0.0.1', domain = 'cluster.local' } = options
  const { defaultProtocols, moduleCache, quietMs = 100, maxDelayMs = 1_000, logsProblems = true } = options
  const { trustDomains = ['cluster.local'] } = options
  // first, for files that cannot be read leave nothing behind
  const { resources, xdsTls } = options
  const tls = xdsTls === undefined ? undefined : readTlsFiles(xdsTls)
  const cluster = typeof resources === 'string' ? undefined : await connectCluster(resources.kubeconfig)
  const own = { domain, defaultProtocols, listenHost, trustDomains, moduleCache, quietMs, maxDelayMs, logsProblems }
  const parts = { ...own, logger, metrics, clock }
  const pipeline = new Pipeline(parts)
  const traffic = new TrafficStore(metrics, clock)
  const codecs = new RunningCodecs()
  const server = new XdsServer({
    snapshotFor: (node) => pipeline.snapshotFor(node),
    onStatus: () => pipeline.onProxies(),
    services: [telemetryService({ store: traffic, codecs, metrics, logger })],
    metrics,
    logger,
    clock,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  })
  pipeline.serve(server)
  const trial = () => ({ domain, defaultProtocols, listenHost, modules: pipeline.modules })
  const { source, backend, writer, webhook } =
    typeof resources === 'string'
      ? fromFiles(resources, { pipeline, server, trial, clock, logger })
      : fromCluster(cluster as Cluster, { ...resources, domain, pipeline, server, clock, logger, metrics })
  const running = runSource(source, pipeline, logger)
  const tlsWatch = xdsTls && new TlsFilesWatch(xdsTls, { clock, logger, onChange: (next) => server.setTls(next) })
  let api: RunningApi | undefined
  const close = async () => {
    await api?.close()
    tlsWatch?.close()
    await server.close()
    await webhook?.stop()
    await writer?.stop()
    await running.stop()
    pipeline.close()
  }
  try {
    await running.ready
    const { port } = await listen(server, { ...options.xds, ...(tls === undefined ? {} : { tls }) })
    tlsWatch?.start()
    const apiParts = { backend, traffic, codecs, metrics, logger }
    api = options.api === undefined ? undefined : await startApi({ ...options.api, ...apiParts })
    const webhookPort = await webhook?.start()
    writer?.start()
    return {
      xdsPort: port,
      webhookPort,
      api,
      backend,
      world: () => pipeline.world,
      statuses: () => backend.resources(),
      close,
    }
  } catch (error: unknown) {
    await close()
    throw error
  }
}

interface Origin {
  readonly source: Source
  readonly backend: Backend
  /** What is said of resources where they come from. */
  readonly writer?: ClusterWriter
  readonly webhook?: ClusterWebhook | undefined
}

interface OriginParts {
  readonly pipeline: Pipeline
  readonly server: XdsServer
  readonly clock: Clock
  readonly logger: Logger
}

function fromFiles(path: string, parts: OriginParts & Pick<FileBackendOptions, 'trial'>): Origin {
  const source = new FilesSource({ path, ...parts })
  return { source, backend: new FileBackend({ ...parts, source }) }
}

interface ClusterParts extends OriginParts {
  readonly namespace: string | undefined
  readonly webhook?: WebhookOptions | undefined
  readonly mesh?: MeshOptions | undefined
  readonly domain: string
  readonly metrics: MetricRegistry
}

function fromCluster(cluster: Cluster, parts: ClusterParts): Origin {
  const { pipeline, server, logger, mesh } = parts
  const own = { ...parts, cluster, logger: logger.child('kubernetes') }
  const backend = new KubernetesBackend(pipeline, server)
  const writer = new ClusterWriter({ ...own, mesh, backend, world: () => pipeline.world })
  const isLeader = () => writer.isLeader
  const webhook = parts.webhook === undefined ? undefined : new ClusterWebhook({ ...own, ...parts.webhook, isLeader })
  return { source: new KubernetesSource(own), backend, writer, webhook }
}

async function listen(server: XdsServer, address: XdsAddress): Promise<{ readonly port: number }> {
  try {
    return await server.listen(address)
  } catch (cause: unknown) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'EADDRINUSE' ? 'the port is in use, choose another by --xds-address' : message
    throw new Error(`xDS cannot listen on ${address.host}:${address.port}: ${why}`, { cause })
  }
}

interface RunningSource {
  /** Rejects when the source ends before the first World is there. */
  readonly ready: Promise<void>
  stop(): Promise<void>
}

function runSource(source: Source, pipeline: Pipeline, logger: Logger): RunningSource {
  const stopping = new AbortController()
  const run = source.run(pipeline.sinkOf(source.name), stopping.signal)
  const end = run.catch((error: unknown) => {
    if (pipeline.isReady)
      logger.error('a source has ended, what it told stays in force', { source: source.name, error })
  })
  return {
    ready: Promise.race([pipeline.ready, run]),
    stop: async () => {
      stopping.abort()
      await end
    },
  }
}
