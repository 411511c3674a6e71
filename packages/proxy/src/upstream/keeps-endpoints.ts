import { isDeepStrictEqual } from 'node:util'
import type { ClusterConfig } from '@meltemi/api/model'

/** A cluster that stays eds, of the same name at the same source, keeps its endpoints until it is given others. */
export function keepsEndpoints(before: ClusterConfig | undefined, after: ClusterConfig): boolean {
  return before !== undefined && after.discovery === 'eds' && isDeepStrictEqual(before.eds, after.eds)
}
