import { RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import type { XdsResponse } from './transport.ts'

/** One resource of a response. */
export interface SentResource {
  /** Empty where only its bytes tell. */
  readonly name: string
  readonly version: string
  readonly typeUrl: string
  readonly body: Uint8Array
  /** It is only good for a while, which is more than we can do. */
  readonly hasTtl: boolean
}

/** A response, whichever form it came in. */
export interface SentResponse {
  readonly type: ResourceType
  readonly isDelta: boolean
  readonly version: string
  readonly nonce: string
  readonly resources: readonly SentResource[]
  /** Names; delta only. */
  readonly removed: readonly string[]
}

const TYPES: ReadonlyMap<string, ResourceType> = new Map(
  Object.entries(RESOURCE_TYPES).map(([type, url]) => [url, type as ResourceType]),
)

/** undefined: it is of a type that nobody has asked for. */
export function readResponse(response: XdsResponse): SentResponse | undefined {
  const type = TYPES.get(response.typeUrl)
  if (type === undefined) return undefined
  if (response.$typeName === 'envoy.service.discovery.v3.DeltaDiscoveryResponse') {
    const { systemVersionInfo: version, nonce, removedResources: removed } = response
    const resources = response.resources.map((each) => ({
      name: each.name,
      version: each.version,
      typeUrl: each.resource?.typeUrl ?? '',
      body: each.resource?.value ?? new Uint8Array(),
      hasTtl: each.ttl !== undefined,
    }))
    return { type, isDelta: true, version, nonce, resources, removed }
  }
  const { versionInfo: version, nonce } = response
  const resources = response.resources.map(({ typeUrl, value }) => {
    return { name: '', version, typeUrl, body: value, hasTtl: false }
  })
  return { type, isDelta: false, version, nonce, resources, removed: [] }
}
