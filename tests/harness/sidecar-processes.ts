/** The two proxies of a call as processes, from bootstrap files as a mesh writes them. */

import { fileURLToPath } from 'node:url'
import type { NodeConfig } from '@meltemi/api'
import type { CodecDefinition } from '@meltemi/sdk'
import { type EchoServer, startEchoServer } from './echo-server.ts'
import { type ProxyProcess, type ProxyProcessOptions, startProxyProcess } from './proxy-process.ts'
import { connectClient, type RawClient } from './raw-client.ts'
import { INBOUND_CLUSTER, OUTBOUND_CLUSTER, SHOP, SHOP_HOST, WEB } from './sidecars.ts'

const MODULE = fileURLToPath(new URL('./codecs/index.ts', import.meta.url))
const EXCHANGE = { name: 'aeraki.meta_protocol.filters.metadata_exchange' }
const STATS = 'aeraki.meta_protocol.filters.istio_stats'
const STATS_TYPE = 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.IstioStats'

export interface SidecarProcesses extends AsyncDisposable {
  readonly server: EchoServer
  readonly inbound: ProxyProcess
  readonly outbound: ProxyProcess
  readonly client: RawClient
}

export async function startSidecarProcesses(codec: CodecDefinition): Promise<SidecarProcesses> {
  const server = await startEchoServer({ codec })
  const inbound = await startProxyProcess({
    ...sidecar(codec, SHOP, INBOUND_CLUSTER, [
      EXCHANGE,
      { name: STATS, config: { '@type': STATS_TYPE, destination_service: SHOP_HOST } },
    ]),
    endpoints: [server.port],
    listener: { traffic_direction: 'INBOUND' },
  })
  const outbound = await startProxyProcess({
    ...sidecar(codec, WEB, OUTBOUND_CLUSTER, [EXCHANGE, { name: STATS }]),
    endpoints: [inbound.port],
    listener: { traffic_direction: 'OUTBOUND' },
  })
  const client = await connectClient({ port: outbound.port, codec })
  return {
    server,
    inbound,
    outbound,
    client,
    async [Symbol.asyncDispose]() {
      await client.close()
      await outbound[Symbol.asyncDispose]()
      await inbound[Symbol.asyncDispose]()
      await server.close()
    },
  }
}

function sidecar(
  codec: CodecDefinition,
  { id, cluster, metadata }: NodeConfig,
  name: string,
  filters: readonly object[],
): Omit<ProxyProcessOptions, 'endpoints'> {
  return {
    codec: codec.name,
    bootstrap: { node: { id, cluster, metadata } },
    filter: {
      stat_prefix: name,
      meta_protocol_filters: [...filters, { name: 'aeraki.meta_protocol.filters.router' }],
      route_config: { name, routes: [{ name: 'default', route: { cluster: name } }] },
    },
    cluster: { name },
    arguments: ['--module', MODULE, '--log-level', 'error', '--concurrency', '2'],
  }
}
