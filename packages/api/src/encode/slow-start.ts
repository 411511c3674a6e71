import { durationFromMs } from '@bufbuild/protobuf/wkt'
import type { SlowStartConfig } from '../model/index.ts'

/** Envoy wants a key of its runtime beside each of these values; nothing sets it. */
const RUNTIME_KEY = 'meltemi.unset'

/** The fields of a SlowStartConfig, the cluster's own or that of a policy: both are alike. */
export function slowStartInit(slowStart: SlowStartConfig | undefined) {
  if (slowStart === undefined) return {}
  const { windowMs, aggression, minWeightPercent } = slowStart
  return {
    slowStartConfig: {
      slowStartWindow: durationFromMs(windowMs),
      ...(aggression === 1 ? {} : { aggression: runtimeDoubleInit(aggression) }),
      ...(minWeightPercent === 10 ? {} : { minWeightPercent: { value: minWeightPercent } }),
    },
  }
}

export function runtimeDoubleInit(defaultValue: number): { defaultValue: number; runtimeKey: string } {
  return { defaultValue, runtimeKey: RUNTIME_KEY }
}
