import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
  encodeMessage,
  RESOURCE_TYPES,
  type ResourceType,
} from '@meltemi/api/xds'
import type { XdsResource } from './xds-resource.ts'

export interface SotwResponse {
  readonly type: ResourceType
  readonly version: string
  readonly nonce: string
  readonly resources: readonly XdsResource[]
}

export interface DeltaResponse extends SotwResponse {
  readonly removed: readonly string[]
}

const CONTROL_PLANE = { identifier: 'meltemi' }

/**
 * Responses in bytes. Messages of protobuf that stand one after the other are one message with the fields of all, so a
 * resource is encoded once, as a response that holds nothing else, for all streams and for as long as it lives.
 */
export class ResponseEncoder {
  readonly #sotw = new WeakMap<XdsResource, Uint8Array>()
  readonly #delta = new WeakMap<XdsResource, Uint8Array>()

  sotw({ type, version, nonce, resources }: SotwResponse): Uint8Array {
    const typeUrl = RESOURCE_TYPES[type]
    const rest = { versionInfo: version, typeUrl, nonce, controlPlane: CONTROL_PLANE }
    const parts = resources.map((resource) => encodeOnce(this.#sotw, resource, encodeSotw))
    return Buffer.concat([...parts, encodeMessage(DiscoveryResponseSchema, rest)])
  }

  delta({ type, version, nonce, resources, removed }: DeltaResponse): Uint8Array {
    const typeUrl = RESOURCE_TYPES[type]
    const removedResources = [...removed]
    const rest = { systemVersionInfo: version, typeUrl, nonce, controlPlane: CONTROL_PLANE, removedResources }
    const parts = resources.map((resource) => encodeOnce(this.#delta, resource, encodeDelta))
    return Buffer.concat([...parts, encodeMessage(DeltaDiscoveryResponseSchema, rest)])
  }
}

function encodeOnce(
  encoded: WeakMap<XdsResource, Uint8Array>,
  resource: XdsResource,
  encode: (resource: XdsResource) => Uint8Array,
): Uint8Array {
  const known = encoded.get(resource)
  if (known !== undefined) return known
  const bytes = encode(resource)
  encoded.set(resource, bytes)
  return bytes
}

function encodeSotw({ type, value }: XdsResource): Uint8Array {
  return encodeMessage(DiscoveryResponseSchema, { resources: [{ typeUrl: RESOURCE_TYPES[type], value }] })
}

function encodeDelta({ type, name, version, value }: XdsResource): Uint8Array {
  const resource = { typeUrl: RESOURCE_TYPES[type], value }
  return encodeMessage(DeltaDiscoveryResponseSchema, { resources: [{ name, version, resource }] })
}
