import type { MirrorPolicy } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConvertContext } from './convert-context.ts'
import { warnUnknownCluster } from './weighted-clusters.ts'

const DENOMINATOR: Readonly<Record<string, MirrorPolicy['denominator']>> = {
  HUNDRED: 100,
  TEN_THOUSAND: 10_000,
  MILLION: 1_000_000,
}

/** Field `request_mirror_policies` of a route's action, ours or HTTP's. Without a fraction every request is mirrored. */
export function convertMirrorPolicies(action: ConfigMessage, context: ConvertContext): readonly MirrorPolicy[] {
  return action.messages('request_mirror_policies').map((policy) => {
    const cluster = policy.text('cluster')
    if (cluster === '' && !policy.has('cluster_header')) policy.reportMissing('cluster')
    warnUnknownCluster(policy, 'cluster', context)
    return { cluster, ...convertFraction(policy.message('runtime_fraction')) }
  })
}

function convertFraction(runtime: ConfigMessage | undefined): Omit<MirrorPolicy, 'cluster'> {
  const fraction = runtime?.message('default_value')
  if (fraction === undefined) return { numerator: 100, denominator: 100 }
  return {
    numerator: fraction.number('numerator') ?? 0,
    denominator: DENOMINATOR[fraction.enumName('denominator')] ?? 100,
  }
}
