import { isDeepStrictEqual } from 'node:util'
import type { EndpointConfig } from '@meltemi/api/model'

/** Whether two say the same of an address. */
export function saysSame(a: EndpointConfig, b: EndpointConfig): boolean {
  return (
    a.hostname === b.hostname &&
    a.weight === b.weight &&
    a.healthy === b.healthy &&
    a.degraded === b.degraded &&
    a.priority === b.priority &&
    a.localityWeight === b.localityWeight &&
    isDeepStrictEqual(a.locality, b.locality) &&
    isDeepStrictEqual(a.metadata, b.metadata) &&
    isDeepStrictEqual(a.transportMetadata, b.transportMetadata)
  )
}
