/** Options of a control plane that stands in the place of Aeraki, beside Istio. */

import type { SocketAddress } from '@meltemi/api'
import type { MeshOptions } from '@meltemi/control-plane'
import type { Command } from 'commander'
import { parseAddress } from './option-values.ts'

export interface MeshFlags {
  readonly envoyFilters: boolean
  readonly envoyFiltersBesideServices: boolean
  readonly vips: boolean
  readonly bootstrapXds?: SocketAddress
  readonly rootNamespace: string
}

export const MESH_HELP = `
In place of Aeraki:
  With --envoy-filters the sidecars of Istio get Aeraki's EnvoyFilters from here, for MetaProtocol, Kafka and ZooKeeper,
  for Redis as RedisServices and RedisDestinations say, and for Dubbo and Thrift, as Envoy knows them itself, with routes of
  Istio's VirtualServices: one for each address and port of a service, in front of clients, and one for each port, in front
  of its workloads. Gateways that a MetaRouter names
  have one for each port, and a VirtualService. All have Aeraki's names and its label, so it must not run at the same time.
  The ConfigMap istio of the root namespace says whether they trace, and where they log.
  With --vips ServiceEntries that have such a port and no address get one of 240.240.0.0/16. With --bootstrap-xds
  namespaces whose pods get sidecars have the ConfigMap aeraki-bootstrap-config, which says where routes come from.
`

export function addMeshOptions(command: Command): Command {
  return command
    .option('--envoy-filters', "writes Aeraki's EnvoyFilters", false)
    .option('--envoy-filters-beside-services', 'in the namespaces of services instead of the root namespace', false)
    .option('--vips', 'gives addresses to ServiceEntries without any', false)
    .option('--bootstrap-xds <host:port>', 'writes where sidecars find --xds-address', parseAddress)
    .option('--root-namespace <name>', 'where Istio is', 'istio-system')
}

function usesMesh({ envoyFilters, envoyFiltersBesideServices, vips, bootstrapXds }: MeshFlags): boolean {
  return envoyFilters || envoyFiltersBesideServices || vips || bootstrapXds !== undefined
}

/** undefined: nothing is written. */
export function toMeshOptions(flags: MeshFlags): MeshOptions | undefined {
  if (!usesMesh(flags)) return undefined
  const { envoyFilters, envoyFiltersBesideServices: isNamespaced, vips, bootstrapXds, rootNamespace } = flags
  return {
    rootNamespace,
    envoyFilters: envoyFilters || isNamespaced ? { isNamespaced } : undefined,
    allocatesVips: vips,
    bootstrapXds,
  }
}
