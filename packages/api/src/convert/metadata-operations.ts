import type { MetadataOperation, MetadataOperationsConfig, MetadataValue } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

const SOURCES = ['text', 'metadata', 'request_metadata', 'connection', 'environment', 'node'] as const
/** What the proxy, or the PROXY header or the certificate of a client, says of a message: nobody else may. */
const RESERVED = [
  'x-meta-protocol-application-protocol',
  'x-meta-protocol-real-server-address',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
]
const RESERVED_PREFIXES = ['proxy_protocol.', 'tls.']
const NODE_FACTS = /^(?:id|cluster|metadata\.[^.]+(?:\.[^.]+)*)$/

/** Reads a meltemi.filters.metadata.v1.MetadataOperations. */
export function convertMetadataOperations(config: ConfigMessage): MetadataOperationsConfig {
  return {
    request: config.messages('request').map((operation) => convertOperation(operation, 'request')),
    response: config.messages('response').map((operation) => convertOperation(operation, 'response')),
  }
}

function convertOperation(operation: ConfigMessage, side: 'request' | 'response'): MetadataOperation {
  const key = operation.text('key')
  const lower = key.toLowerCase()
  if (RESERVED.includes(lower) || RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix)))
    operation.error('key', `${key} is the proxy's own`)
  const inMessage = operation.flag('in_message') ?? false
  if (operation.flag('remove')) return { key, kind: 'remove', value: undefined, inMessage }
  if (operation.has('copy'))
    return { key, kind: 'set', value: { source: 'metadata', name: operation.text('copy') }, inMessage }
  const kind = operation.has('append') ? 'append' : 'set'
  const value = operation.message(kind)
  return { key, kind, value: value && convertValue(value, side), inMessage }
}

function convertValue(value: ConfigMessage, side: 'request' | 'response'): MetadataValue {
  const source = SOURCES.find((each) => value.has(each)) ?? 'text'
  const name = value.text(source)
  if (source === 'request_metadata' && side === 'request')
    value.error(source, 'has a meaning for replies only: metadata is that of the request itself')
  if (source === 'node' && !NODE_FACTS.test(name))
    value.error(source, `expected id, cluster, or a path such as metadata.LABELS.app, got ${name}`)
  return { source, name }
}
