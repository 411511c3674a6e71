import type { LoadBalancerConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertRuntimeDouble } from './runtime-double.ts'
import { convertSlowStart } from './slow-start.ts'

/** The settings of least request, in the cluster's own form or the policy's; both have these fields. */
export function convertLeastRequest(config: ConfigMessage | undefined): LoadBalancerConfig {
  const activeRequestBias = convertRuntimeDouble(config, 'active_request_bias') ?? 1
  if (!(activeRequestBias >= 0)) config?.error('active_request_bias', `must be at least 0, got ${activeRequestBias}`)
  return {
    kind: 'least-request',
    choiceCount: config?.number('choice_count') ?? 2,
    ...(activeRequestBias === 1 ? {} : { activeRequestBias }),
    ...convertSlowStart(config),
  }
}
