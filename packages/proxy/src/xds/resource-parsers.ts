import {
  type ParsedResource,
  parseCluster,
  parseCodecModule,
  parseEndpoints,
  parseListener,
  parseRoutes,
  parseSecret,
  type ResourceContext,
} from '@meltemi/api'
import type { ResourceType } from '@meltemi/api/xds'
import type { ResourceValues } from './held-resources.ts'

type Parsers = {
  readonly [T in ResourceType]: (bytes: Uint8Array, context: ResourceContext) => ParsedResource<ResourceValues[T]>
}

const PARSERS: Parsers = {
  extensionConfig: parseCodecModule,
  secret: parseSecret,
  cluster: parseCluster,
  endpoint: parseEndpoints,
  listener: parseListener,
  route: parseRoutes,
}

/** Reads a resource of a type as strictly as a bootstrap; never throws. */
export function parseResource<T extends ResourceType>(
  type: T,
  bytes: Uint8Array,
  context: ResourceContext,
): ParsedResource<ResourceValues[T]> {
  return PARSERS[type](bytes, context)
}
