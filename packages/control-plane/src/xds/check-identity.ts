import { GrpcCode, GrpcError } from '@meltemi/runtime/grpc'
import { scopeOf } from '../snapshots/scope.ts'
import type { NodeInfo } from './xds-resource.ts'

const SPIFFE = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/

/** Throws a GrpcError for a node that says it is of another namespace than the SPIFFE identities of its certificate. */
export function checkIdentity(node: NodeInfo, peerUris: readonly string[]): void {
  const allowed = peerUris.flatMap((uri) => SPIFFE.exec(uri)?.[1] ?? [])
  const { namespace } = scopeOf(node)
  if (allowed.length === 0 || allowed.includes(namespace)) return
  const message = `the certificate is for namespace ${allowed.join(', ')}, not for ${namespace}`
  throw new GrpcError(GrpcCode.PERMISSION_DENIED, message)
}
