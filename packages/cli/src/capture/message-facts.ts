import { type CodecDefinition, type MessageId, MessageType, type Metadata, ResponseStatus } from '@meltemi/sdk'
import type { Arrival } from './captured-packet.ts'

/** Who sent a message: the client its requests, the service its replies. */
export type MessageSide = 'request' | 'reply'

/** What is kept of a message to be shown. */
export interface MessageFacts {
  readonly side: MessageSide
  /** When its last byte came. */
  readonly arrival: Arrival
  /** Where it begins in its direction. */
  readonly offset: number
  readonly size: number
  /** Bytes of it that the capture does not have; all of them behind the header. */
  readonly lost: number
  readonly type: MessageType
  /** undefined: the protocol has none, replies come in the order of the requests. */
  readonly requestId: MessageId | undefined
  readonly streamId: number
  readonly isError: boolean
  readonly isLast: boolean
  readonly timeoutMs: number
  readonly operation: string
  readonly properties: ReadonlyMap<string, string>
  readonly dialect: string | undefined
  readonly headerSize: number
  readonly bodySize: number
  /** Its first bytes; undefined: not asked for. */
  readonly bytes: Buffer | undefined
}

export interface FactsOptions {
  readonly definition: CodecDefinition
  /** Lower-case keys whose values are shown as `***`. */
  readonly redacted: ReadonlySet<string>
  /** How many bytes of each message are kept; undefined: none. */
  readonly maxShownBytes: number | undefined
}

interface Place {
  readonly side: MessageSide
  readonly arrival: Arrival
  readonly offset: number
  readonly lost: number
}

export const MESSAGE_TYPE_NAMES: Readonly<Record<MessageType, string>> = {
  [MessageType.Request]: 'request',
  [MessageType.Response]: 'response',
  [MessageType.Oneway]: 'oneway',
  [MessageType.StreamInit]: 'stream-init',
  [MessageType.StreamData]: 'stream-data',
  [MessageType.StreamCloseOneWay]: 'stream-close-one-way',
  [MessageType.StreamCloseTwoWay]: 'stream-close-two-way',
  [MessageType.Heartbeat]: 'heartbeat',
  [MessageType.Error]: 'error',
}

const REDACTED = '***'
const MAX_PROPERTIES = 100
const MAX_TEXT = 1024

/** Keeps of a decoded message what is shown, cut to a bounded size. Throws what the codec's `dialect` throws. */
export function factsOf(metadata: Metadata, place: Place, options: FactsOptions): MessageFacts {
  const { message } = metadata
  const { maxShownBytes, redacted } = options
  return {
    ...place,
    size: message.length,
    type: metadata.type,
    requestId: options.definition.correlation === 'id' ? metadata.requestId : undefined,
    streamId: metadata.streamId,
    isError: metadata.status !== ResponseStatus.Ok,
    isLast: metadata.last,
    timeoutMs: metadata.timeoutMs,
    operation: redacted.has('operation') && metadata.operation !== '' ? REDACTED : shorten(metadata.operation),
    properties: propertiesOf(metadata, redacted),
    dialect: options.definition.dialect?.(metadata),
    headerSize: metadata.headerSize,
    bodySize: metadata.bodySize,
    bytes: maxShownBytes === undefined ? undefined : Buffer.from(message.subarray(0, maxShownBytes)),
  }
}

/** About what a message takes in memory. */
export function heldBytesOf(facts: MessageFacts): number {
  let held = 512 + 2 * facts.operation.length + (facts.bytes?.length ?? 0)
  for (const [key, value] of facts.properties) held += 64 + 2 * (key.length + value.length)
  return held
}

function propertiesOf(metadata: Metadata, redacted: ReadonlySet<string>): Map<string, string> {
  const properties = new Map<string, string>()
  for (let n = 0; n < Math.min(metadata.size, MAX_PROPERTIES); n++) {
    const key = metadata.key(n)
    properties.set(shorten(key), redacted.has(key.toLowerCase()) ? REDACTED : shorten(metadata.value(n)))
  }
  if (metadata.size > MAX_PROPERTIES) properties.set('…', `${metadata.size - MAX_PROPERTIES} more`)
  return properties
}

function shorten(text: string): string {
  // a copy: a slice would keep the long text in memory
  return text.length <= MAX_TEXT ? text : `${Buffer.from(text.slice(0, MAX_TEXT)).toString()}…`
}
