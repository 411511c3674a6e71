// Meltemi from this checkout: its own process, metrics on.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WireName } from '../load/wire.ts'
import { readRevision } from '../machine.ts'
import { findFreePort, type Peer, type PeerOptions, startPeer } from './peer.ts'

const CLI = join(import.meta.dirname, '../../packages/cli')
const SOURCE = ['--conditions=meltemi-source', join(CLI, 'src/main.ts')]

/** What `npm run build` made, as it is published; the sources need more memory, for the removal of types. */
export const builtMain = join(CLI, 'dist/main.js')

export interface MeltemiOptions {
  readonly wire: WireName
  readonly isMultiplexing: boolean
  /** Worker threads; 0 runs the data plane in the main thread. */
  readonly concurrency?: number
  /** Runs `builtMain` instead of the sources. */
  readonly isBuilt?: boolean
  /** A codec of its own, that speaks `wire`. */
  readonly module?: { readonly file: string; readonly codec: string }
  /** For Node itself, such as --cpu-prof. */
  readonly nodeArgs?: readonly string[]
}

export function createMeltemi(options: MeltemiOptions): Peer {
  const { isMultiplexing, concurrency = 1, nodeArgs = [], isBuilt = false } = options
  const name = `Meltemi, multiplexing ${isMultiplexing ? 'on' : 'off'}`
  return {
    name,
    version: readRevision,
    async start(peerOptions) {
      const port = await findFreePort()
      const adminPort = await findFreePort()
      const file = join(peerOptions.folder, 'meltemi.json')
      writeFileSync(file, JSON.stringify(bootstrap(port, adminPort, peerOptions, options), undefined, 2))
      const args = [...nodeArgs, ...(isBuilt ? [builtMain] : SOURCE), 'proxy', '-c', file]
      args.push('--concurrency', String(concurrency))
      if (options.module !== undefined) args.push('--module', options.module.file)
      return startPeer({ name, command: process.execPath, args, port, adminPort, folder: peerOptions.folder })
    },
  }
}

function bootstrap(port: number, adminPort: number, peer: PeerOptions, options: MeltemiOptions): object {
  const backend = { socket_address: { address: '127.0.0.1', port_value: peer.backendPort } }
  return {
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } },
    static_resources: {
      listeners: [
        {
          name: 'benchmark',
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [{ filters: [metaProtocolProxy(options)] }],
        },
      ],
      clusters: [
        {
          name: 'backend',
          type: 'STATIC',
          connect_timeout: '5s',
          load_assignment: {
            cluster_name: 'backend',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: backend } }] }],
          },
          circuit_breakers: {
            thresholds: [{ max_connections: 20000, max_requests: 20000, max_pending_requests: 20000 }],
          },
        },
      ],
    },
  }
}

function metaProtocolProxy({ wire, isMultiplexing, module }: MeltemiOptions): object {
  const codec = module?.codec ?? `aeraki.meta_protocol.codec.${wire}`
  return {
    name: 'aeraki.meta_protocol_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
      stat_prefix: 'benchmark',
      protocol: { name: wire, codec: { name: codec }, multiplexing: isMultiplexing },
      route_config: { name: 'all', routes: [{ name: 'all', route: { cluster: 'backend' } }] },
    },
  }
}
