/** Thrift's word for each way in which an exchange can fail without the service. */

import { ErrorType, type Failure } from '@meltemi/sdk'

const INTERNAL_ERROR = 6
/** By ErrorType. */
const TYPES: readonly number[] = Object.assign([], {
  [ErrorType.RouteNotFound]: 1, // unknown method
  [ErrorType.ClusterNotFound]: INTERNAL_ERROR,
  [ErrorType.NoHealthyUpstream]: INTERNAL_ERROR,
  [ErrorType.BadResponse]: 7, // protocol error
  [ErrorType.Unspecified]: INTERNAL_ERROR,
  [ErrorType.OverLimit]: 11, // load shedding
  [ErrorType.Timeout]: 12,
  [ErrorType.Denied]: INTERNAL_ERROR,
  [ErrorType.Fault]: 13, // injected failure
})

export function exceptionType(failure: Failure): number {
  return TYPES[failure.type] ?? INTERNAL_ERROR
}
