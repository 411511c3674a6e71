import type { Node } from '@meltemi/api/xds'
import { GrpcCode, GrpcError } from '@meltemi/runtime/grpc'
import type { NodeInfo } from './xds-resource.ts'

const MAX_TEXT_LENGTH = 1_024
const MAX_METADATA_LENGTH = 65_536

/** Takes over what is used of a Node. Throws a GrpcError when a proxy says more of itself than is good. */
export function toNodeInfo(node: Node): NodeInfo {
  const { id, cluster, userAgentName } = node
  for (const text of [id, cluster, userAgentName]) {
    if (text.length > MAX_TEXT_LENGTH) throw refusal(`a node has texts of at most ${MAX_TEXT_LENGTH} characters`)
  }
  const metadata = node.metadata ?? {}
  if (JSON.stringify(metadata).length > MAX_METADATA_LENGTH) {
    throw refusal(`a node has metadata of at most ${MAX_METADATA_LENGTH} characters of JSON`)
  }
  return {
    id,
    cluster,
    metadata: Object.freeze(Object.assign(Object.create(null), metadata)),
    userAgent: userAgentName,
  }
}

function refusal(message: string): GrpcError {
  return new GrpcError(GrpcCode.INVALID_ARGUMENT, message)
}
