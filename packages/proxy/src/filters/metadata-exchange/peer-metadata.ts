import type { NodeConfig } from '@meltemi/api/model'
import type { Metadata } from '@meltemi/sdk'
import { sharedMetadata } from './node-metadata.ts'
import { encodeStruct } from './struct-bytes.ts'

/** Base64 of a Struct: what a proxy's `node.metadata` says. */
export const PEER_METADATA_KEY = 'x-envoy-peer-metadata'
/** `node.id` of that proxy. */
export const PEER_ID_KEY = 'x-envoy-peer-metadata-id'

/** What a proxy tells its peers of itself; empty where it has nothing to tell. */
export function encodePeerMetadata({ metadata }: NodeConfig): string {
  return encodeStruct(sharedMetadata(metadata)).toString('base64')
}

/** Also without padding; undefined for what is no Base64. */
export function tryDecodeBase64(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  const digits = text.indexOf('=') < 0 ? text.length : text.indexOf('=')
  return digits % 4 === 1 ? undefined : Buffer.from(text, 'base64')
}

/** Whether a message has such a property, without a look at its value. */
export function hasProperty(message: Metadata, key: string): boolean {
  for (let at = 0; at < message.size; at++) if (message.key(at) === key) return true
  return false
}
