// Meltemi from this checkout: its own process, metrics on.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WireName } from '../load/wire.ts'
import { readRevision } from '../machine.ts'
import { createCluster, filterChain, TRACING } from './envoy.ts'
import { findFreePort, type Peer, type PeerOptions, type Production, startPeer } from './peer.ts'

const ROOT = join(import.meta.dirname, '../..')

/** What `npm run build` made, as it is published; the sources need more memory, for the removal of types. */
export const builtMain = join(ROOT, 'packages/cli/dist/main.js')

export interface MeltemiOptions {
  readonly wire: WireName
  readonly isMultiplexing: boolean
  /** Worker threads; 0 runs the data plane in the main thread. */
  readonly concurrency?: number
  /** Runs `builtMain` instead of the sources. */
  readonly isBuilt?: boolean
  /** A codec of its own, that speaks `wire`. */
  readonly module?: { readonly file: string; readonly codec: string }
  /** Fields of the MetaProtocolProxy that are not those of all runs. */
  readonly fields?: object
  /** Another checkout that its sources are taken from, set up. */
  readonly checkout?: string
  /** For Node itself, such as --cpu-prof. */
  readonly nodeArgs?: readonly string[]
}

export function createMeltemi(options: MeltemiOptions): Peer {
  const { isMultiplexing, concurrency = 1, nodeArgs = [], isBuilt = false, checkout = ROOT } = options
  const source = ['--conditions=meltemi-source', join(checkout, 'packages/cli/src/main.ts')]
  const name = `Meltemi, multiplexing ${isMultiplexing ? 'on' : 'off'}`
  return {
    name,
    version: () => readRevision(checkout),
    async start(peerOptions) {
      const port = await findFreePort()
      const adminPort = await findFreePort()
      const file = join(peerOptions.folder, 'meltemi.json')
      writeFileSync(file, JSON.stringify(bootstrap(port, adminPort, peerOptions, options), undefined, 2))
      const args = [...nodeArgs, ...(isBuilt ? [builtMain] : source), 'proxy', '-c', file]
      args.push('--concurrency', String(concurrency))
      if (options.module !== undefined) args.push('--module', options.module.file)
      const command = { name, command: process.execPath, args, port, adminPort, folder: peerOptions.folder }
      const answered = new RegExp(`^meta_protocol\\.${options.wire}\\.benchmark\\.response_success: (\\d+)$`, 'm')
      const { production } = peerOptions
      return startPeer({
        ...command,
        answered,
        ...(production === undefined ? {} : { accessLog: production.accessLog }),
      })
    },
  }
}

function bootstrap(port: number, adminPort: number, peer: PeerOptions, options: MeltemiOptions): object {
  const { production, backendPort } = peer
  return {
    ...(production === undefined ? {} : { node: NODE }),
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } },
    static_resources: {
      listeners: [
        {
          name: 'benchmark',
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [filterChain(metaProtocolProxy(options, production), peer)],
          ...(production === undefined ? {} : { traffic_direction: 'OUTBOUND' }),
        },
      ],
      clusters: [
        createCluster('backend', backendPort),
        ...(production === undefined ? [] : [createCluster('collector', production.collectorPort)]),
      ],
    },
  }
}

function metaProtocolProxy({ wire, isMultiplexing, module, fields }: MeltemiOptions, production?: Production): object {
  const codec = module?.codec ?? `aeraki.meta_protocol.codec.${wire}`
  return {
    name: 'aeraki.meta_protocol_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
      stat_prefix: 'benchmark',
      protocol: { name: wire, codec: { name: codec }, multiplexing: isMultiplexing },
      route_config: { name: 'all', routes: [{ name: 'all', route: { cluster: 'backend' } }] },
      ...(production === undefined ? {} : productionFields(production)),
      ...fields,
    },
  }
}

/** What Istio says of a workload, as far as metadata exchange passes it on. */
const NODE = {
  id: 'sidecar~10.0.0.7~web-5b4c8d7f9-x2x7q.shop~shop.svc.cluster.local',
  cluster: 'web.shop',
  metadata: {
    NAME: 'web-5b4c8d7f9-x2x7q',
    NAMESPACE: 'shop',
    CLUSTER_ID: 'Kubernetes',
    WORKLOAD_NAME: 'web',
    OWNER: 'kubernetes://apis/apps/v1/namespaces/shop/deployments/web',
    LABELS: { app: 'web', version: 'v1' },
  },
}
const LOG_FORMAT =
  '[%START_TIME%] %REQ(interface)% %REQ(method)% %RESPONSE_FLAGS% %DURATION% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_HOST%\n'

function productionFields({ accessLog }: Production): object {
  const filters = ['metadata_exchange', 'istio_stats', 'router']
  return {
    meta_protocol_filters: filters.map((name) => ({ name: `aeraki.meta_protocol.filters.${name}` })),
    access_log: [
      {
        name: 'envoy.access_loggers.file',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
          path: accessLog,
          log_format: { text_format_source: { inline_string: LOG_FORMAT } },
        },
      },
    ],
    tracing: TRACING,
  }
}
