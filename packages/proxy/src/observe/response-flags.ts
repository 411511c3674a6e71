import { ErrorType, type Failure } from '@meltemi/sdk'
import { FAILURES } from './failure-table.ts'

const NO_FLAG = ''
const CLIENT_LEFT = 'DC'
const DELAYED = 'DI'
const RETRIES_EXCEEDED = 'URX'
/** In Envoy's order. */
const BEFORE_DELAY: ReadonlySet<string> = new Set(['UH', 'UT', 'UF', 'UC', 'UO', 'NR'])

const BY_CODE: ReadonlyMap<string, string> = new Map(Object.values(FAILURES).map(({ code, flag }) => [code, flag]))

/** For failures that filters make, whose codes are their own. */
const BY_TYPE: Readonly<Record<number, string>> = {
  [ErrorType.RouteNotFound]: 'NR',
  [ErrorType.ClusterNotFound]: 'NC',
  [ErrorType.NoHealthyUpstream]: 'UH',
  [ErrorType.BadResponse]: 'UPE',
  [ErrorType.OverLimit]: 'RL',
  [ErrorType.Timeout]: 'UT',
  [ErrorType.Denied]: 'UAEX',
  [ErrorType.Fault]: 'FI',
}

/** Envoy's long forms. */
const LONG_FORMS: Readonly<Record<string, string>> = {
  NR: 'NoRouteFound',
  NC: 'NoClusterFound',
  UH: 'NoHealthyUpstream',
  UF: 'UpstreamConnectionFailure',
  UC: 'UpstreamConnectionTermination',
  UO: 'UpstreamOverflow',
  UT: 'UpstreamRequestTimeout',
  UPE: 'UpstreamProtocolError',
  RL: 'RateLimited',
  RLSE: 'RateLimitServiceError',
  UAEX: 'UnauthorizedExternalService',
  DI: 'DelayInjected',
  FI: 'FaultInjected',
  URX: 'UpstreamRetryLimitExceeded',
  DC: 'DownstreamConnectionTermination',
  DPE: 'DownstreamProtocolError',
  OM: 'OverloadManagerTerminated',
}

/** What the flags of an exchange come from. */
export interface Flagged {
  readonly failure: Failure | null
  readonly isClientGone: boolean
  /** It was delayed on purpose. */
  readonly isDelayed: boolean
  /** It would have been tried again, had there not been as many retries as are allowed. */
  readonly isRetryLimitExceeded: boolean
}

/** Envoy's flag for what went wrong; empty: nothing did. */
export function responseFlag({ failure, isClientGone }: Pick<Flagged, 'failure' | 'isClientGone'>): string {
  if (failure === null) return isClientGone ? CLIENT_LEFT : NO_FLAG
  return BY_CODE.get(failure.code) ?? BY_TYPE[failure.type] ?? NO_FLAG
}

/** All of them in Envoy's order, with commas between. */
export function responseFlags(of: Flagged): string {
  const flag = responseFlag(of)
  if (!of.isDelayed && !of.isRetryLimitExceeded) return flag
  const flags = flag === NO_FLAG ? [] : [flag]
  if (of.isDelayed) flags.splice(BEFORE_DELAY.has(flag) ? 1 : 0, 0, DELAYED)
  if (of.isRetryLimitExceeded) flags.push(RETRIES_EXCEEDED)
  return flags.join(',')
}

/** As `responseFlags` says them. */
export function longResponseFlags(flags: string): string {
  return flags
    .split(',')
    .map((flag) => LONG_FORMS[flag] ?? flag)
    .join(',')
}
