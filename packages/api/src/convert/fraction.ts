import type { Fraction } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

const DENOMINATOR: Readonly<Record<string, Fraction['denominator']>> = {
  HUNDRED: 100,
  TEN_THOUSAND: 10_000,
  MILLION: 1_000_000,
}

/** Reads a FractionalPercent. */
export function convertFraction(fraction: ConfigMessage | undefined): Fraction {
  return {
    numerator: fraction?.number('numerator') ?? 0,
    denominator: DENOMINATOR[fraction?.enumName('denominator') ?? ''] ?? 100,
  }
}
