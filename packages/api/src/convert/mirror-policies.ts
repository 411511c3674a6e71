import type { Fraction, MirrorPolicy } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertFraction } from './fraction.ts'
import { warnUnknownCluster } from './weighted-clusters.ts'

/** Field `request_mirror_policies` of a route's action, ours or HTTP's. Without a fraction every request is mirrored. */
export function convertMirrorPolicies(action: ConfigMessage, context: ConvertContext): readonly MirrorPolicy[] {
  return action.messages('request_mirror_policies').map((policy) => {
    const cluster = policy.text('cluster')
    if (cluster === '' && !policy.has('cluster_header')) policy.reportMissing('cluster')
    warnUnknownCluster(policy, 'cluster', context)
    return { cluster, ...shareOf(policy.message('runtime_fraction')) }
  })
}

function shareOf(runtime: ConfigMessage | undefined): Fraction {
  const fraction = runtime?.message('default_value')
  return fraction === undefined ? { numerator: 100, denominator: 100 } : convertFraction(fraction)
}
