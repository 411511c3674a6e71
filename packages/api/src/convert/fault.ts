import type { ErrorTypeName, FaultConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertFraction } from './fraction.ts'
import { convertMatch } from './match.ts'

const DEFAULT_ACTIVE_FAULTS = 1_024

/** Reads a meltemi.filters.fault.v1.Fault. */
export function convertFault(fault: ConfigMessage): FaultConfig {
  const delay = fault.message('delay')
  const abort = fault.message('abort')
  return {
    match: convertMatch(fault.message('match')),
    delay: delay && {
      delayMs: delay.durationMs('fixed_delay') ?? 0,
      share: convertFraction(delay.message('percentage')),
    },
    abort: abort && {
      errorType: (abort.text('error_type') || 'Fault') as ErrorTypeName,
      share: convertFraction(abort.message('percentage')),
    },
    maxActiveFaults: fault.number('max_active_faults') ?? DEFAULT_ACTIVE_FAULTS,
    statPrefix: fault.text('stat_prefix'),
  }
}
