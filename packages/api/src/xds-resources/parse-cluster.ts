import { convertCluster } from '../convert/cluster.ts'
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClusterConfig } from '../model/index.ts'
import { type ParsedResource, parseResource, type ResourceKind } from './parse-resource.ts'
import type { ResourceContext } from './resource-context.ts'

const CLUSTER: ResourceKind<ClusterConfig> = {
  schema: ClusterSchema,
  nameField: 'name',
  convert: (message, context) => convertCluster(message, context.sources, context.options),
}

/** Reads the bytes of an envoy.config.cluster.v3.Cluster; never throws. */
export function parseCluster(bytes: Uint8Array, context: ResourceContext): ParsedResource<ClusterConfig> {
  return parseResource(CLUSTER, bytes, context)
}
