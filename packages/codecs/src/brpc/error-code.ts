/** bRPC's own error codes for each way in which an exchange can fail without the service. */

import { ErrorType, type Failure } from '@meltemi/sdk'

const INTERNAL = 2001
const FAILED_SOCKET = 1009
/** By ErrorType. */
const CODES: readonly number[] = Object.assign([], {
  [ErrorType.RouteNotFound]: 1001, // no service
  [ErrorType.ClusterNotFound]: FAILED_SOCKET,
  [ErrorType.NoHealthyUpstream]: FAILED_SOCKET,
  [ErrorType.BadResponse]: 2002, // bad response
  [ErrorType.Unspecified]: FAILED_SOCKET,
  [ErrorType.OverLimit]: 2004, // limit
  [ErrorType.Timeout]: 1008, // timed out
  [ErrorType.Denied]: 1004, // not authenticated
  [ErrorType.Fault]: INTERNAL,
})

export function errorCode(failure: Failure): number {
  return CODES[failure.type] ?? FAILED_SOCKET
}
