/** Dubbo's word for each way in which an exchange can fail without the service. */

import { ErrorType, type Failure } from '@meltemi/sdk'

const SERVER_ERROR = 80
const SERVICE_ERROR = 70
/** By ErrorType. */
const STATUSES: readonly number[] = Object.assign([], {
  [ErrorType.RouteNotFound]: 60, // service not found
  [ErrorType.ClusterNotFound]: SERVER_ERROR,
  [ErrorType.NoHealthyUpstream]: SERVER_ERROR,
  [ErrorType.BadResponse]: 50,
  [ErrorType.Unspecified]: SERVER_ERROR,
  [ErrorType.OverLimit]: 100, // thread pool exhausted
  [ErrorType.Timeout]: 31, // server side timeout
  [ErrorType.Denied]: SERVICE_ERROR,
  [ErrorType.Fault]: SERVICE_ERROR,
})

export function errorStatus(failure: Failure): number {
  return STATUSES[failure.type] ?? SERVER_ERROR
}
