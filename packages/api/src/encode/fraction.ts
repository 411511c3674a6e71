import { FractionalPercent_DenominatorType, type FractionalPercentSchema } from '../gen/envoy/type/v3/percent_pb.ts'
import type { MirrorPolicy } from '../model/index.ts'
import type { Init } from './init.ts'

const DENOMINATORS: Readonly<Record<MirrorPolicy['denominator'], FractionalPercent_DenominatorType>> = {
  100: FractionalPercent_DenominatorType.HUNDRED,
  10000: FractionalPercent_DenominatorType.TEN_THOUSAND,
  1000000: FractionalPercent_DenominatorType.MILLION,
}

export function fractionInit(fraction: Omit<MirrorPolicy, 'cluster'>): Init<typeof FractionalPercentSchema> {
  const { numerator, denominator } = fraction
  return { numerator, denominator: DENOMINATORS[denominator] }
}
