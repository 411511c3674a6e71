import type { OutlierDetectionConfig } from '@meltemi/api/model'

/** What came of the requests to one host in an interval. */
export interface HostRate {
  /** Which one. */
  readonly base: number
  readonly requests: number
  /** 0-100. */
  readonly successPercent: number
}

export interface Outliers {
  /** Below the others. */
  readonly outlying: readonly number[]
  /** Failing too much, whatever the others do. */
  readonly failing: readonly number[]
  /** Of the success rates; -1: too few hosts. */
  readonly mean: number
  /** Below which a host is an outlier. */
  readonly limit: number
}

type Rules = Pick<OutlierDetectionConfig, 'successRate' | 'failurePercentage'>

/**
 * As Envoy finds them: by standard deviations below the mean of all hosts that have enough requests, and by the part of
 * requests that fails. `rates`: of hosts that are not ejected.
 */
export function findOutliers(rates: readonly HostRate[], { successRate, failurePercentage }: Rules): Outliers {
  const comparable = rates.filter(({ requests }) => requests >= successRate.requestVolume && requests > 0)
  const judged = rates.filter(({ requests }) => requests >= failurePercentage.requestVolume && requests > 0)
  const { mean, limit } = limitOf(comparable, successRate)
  const isFailing = ({ successPercent }: HostRate) => 100 - successPercent >= failurePercentage.threshold
  return {
    outlying: mean < 0 ? [] : basesOf(comparable.filter(({ successPercent }) => successPercent < limit)),
    failing: judged.length < failurePercentage.minimumHosts ? [] : basesOf(judged.filter(isFailing)),
    mean,
    limit,
  }
}

function limitOf(rates: readonly HostRate[], { minimumHosts, stdevFactor }: Rules['successRate']) {
  if (rates.length === 0 || rates.length < minimumHosts) return { mean: -1, limit: -1 }
  const mean = rates.reduce((sum, { successPercent }) => sum + successPercent, 0) / rates.length
  const variance = rates.reduce((sum, { successPercent }) => sum + (successPercent - mean) ** 2, 0) / rates.length
  return { mean, limit: mean - (stdevFactor / 1000) * Math.sqrt(variance) }
}

function basesOf(rates: readonly HostRate[]): readonly number[] {
  return rates.map(({ base }) => base)
}
