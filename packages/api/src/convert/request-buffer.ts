import type { RouteConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

/** Field `per_request_buffer_limit_bytes` of a route, ours or HTTP's. */
export function convertRequestBuffer(route: ConfigMessage): Pick<RouteConfig, 'requestBufferLimitBytes'> {
  const requestBufferLimitBytes = route.number('per_request_buffer_limit_bytes')
  return requestBufferLimitBytes === undefined ? {} : { requestBufferLimitBytes }
}
