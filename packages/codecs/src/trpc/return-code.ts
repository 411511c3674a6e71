/** tRPC's codes of the framework for each way in which an exchange can fail without the service. */

import { ErrorType, type Failure } from '@meltemi/sdk'

const SYSTEM = 31
/** What a client that gives up a stream says of itself. */
export const CANCELLED = 161
/** By ErrorType. */
const CODES: readonly number[] = Object.assign([], {
  [ErrorType.RouteNotFound]: 11, // no such service
  [ErrorType.ClusterNotFound]: SYSTEM,
  [ErrorType.NoHealthyUpstream]: SYSTEM,
  [ErrorType.BadResponse]: SYSTEM,
  [ErrorType.Unspecified]: SYSTEM,
  [ErrorType.OverLimit]: 23, // limited
  [ErrorType.Timeout]: 21, // server timeout
  [ErrorType.Denied]: 41, // not authenticated
  [ErrorType.Fault]: SYSTEM,
})

export function returnCode(failure: Failure): number {
  return CODES[failure.type] ?? SYSTEM
}
