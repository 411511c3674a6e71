import { ErrorType, type Failure } from '@meltemi/sdk'
import { FAILURES } from './failure-table.ts'

const NO_FLAG = ''
const CLIENT_LEFT = 'DC'
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
  UAEX: 'UnauthorizedExternalService',
  FI: 'FaultInjected',
  DC: 'DownstreamConnectionTermination',
  DPE: 'DownstreamProtocolError',
  OM: 'OverloadManagerTerminated',
}

/** Envoy's flag for what went wrong; empty: nothing did. */
export function responseFlag(failure: Failure | null, isClientGone: boolean): string {
  if (failure === null) return isClientGone ? CLIENT_LEFT : NO_FLAG
  return BY_CODE.get(failure.code) ?? BY_TYPE[failure.type] ?? NO_FLAG
}

export function longResponseFlag(flag: string): string {
  return LONG_FORMS[flag] ?? flag
}
