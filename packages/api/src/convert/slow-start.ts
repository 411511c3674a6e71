import type { SlowStartConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertRuntimeDouble } from './runtime-double.ts'

/** Field `slow_start_config` of a policy, in the cluster's own form or the extension's; empty: there is none. */
export function convertSlowStart(policy: ConfigMessage | undefined): { readonly slowStart?: SlowStartConfig } {
  const config = policy?.message('slow_start_config')
  if (config === undefined) return {}
  if (!config.has('slow_start_window')) config.reportMissing('slow_start_window')
  const windowMs = config.durationMs('slow_start_window') ?? 0
  const aggression = convertRuntimeDouble(config, 'aggression') ?? 1
  if (!(aggression > 0)) config.error('aggression', `must be more than 0, got ${aggression}`)
  const percent = config.message('min_weight_percent')
  const minWeightPercent = percent === undefined ? 10 : (percent.number('value') ?? 0)
  return windowMs === 0 ? {} : { slowStart: { windowMs, aggression, minWeightPercent } }
}
