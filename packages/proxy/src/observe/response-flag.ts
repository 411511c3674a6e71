import { ErrorType, type Failure } from '@meltemi/sdk'
import { FAILURES } from './failure-table.ts'

const BY_CODE: ReadonlyMap<string, string> = new Map(Object.values(FAILURES).map(({ code, flag }) => [code, flag]))

/** Of failures that filters have made. */
const BY_TYPE: Readonly<Record<ErrorType, string>> = {
  [ErrorType.RouteNotFound]: 'NR',
  [ErrorType.ClusterNotFound]: 'NC',
  [ErrorType.NoHealthyUpstream]: 'UH',
  [ErrorType.BadResponse]: 'UPE',
  [ErrorType.Unspecified]: 'DPE',
  [ErrorType.OverLimit]: 'RL',
  [ErrorType.Timeout]: 'UT',
  [ErrorType.Denied]: 'UAEX',
  [ErrorType.Fault]: 'FI',
}

/** Envoy's response flag for a local reply. */
export function flagOf({ code, type }: Failure): string {
  return BY_CODE.get(code) ?? BY_TYPE[type] ?? BY_TYPE[ErrorType.Unspecified]
}
