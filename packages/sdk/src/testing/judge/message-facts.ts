import { Affinity, MessageType, type Metadata, ResponseStatus } from '../../index.ts'

const MAX_STREAM_ID = 0x7fffffff
const STREAM_TYPES: readonly number[] = [
  MessageType.StreamInit,
  MessageType.StreamData,
  MessageType.StreamCloseOneWay,
  MessageType.StreamCloseTwoWay,
]

export function isOfStream({ type }: Metadata): boolean {
  return STREAM_TYPES.includes(type)
}

/** What `decode` said that the framework cannot work with, in words. */
export function findFactFault(message: Metadata): string | undefined {
  const { type, status, affinity, headerSize, bodySize, timeoutMs, requestId, streamId } = message
  const { length } = message.message
  if (!isOneOf(MessageType, type)) return `type is ${type}, which is no MessageType`
  if (!isOneOf(ResponseStatus, status)) return `status is ${status}, which is no ResponseStatus`
  if (!isOneOf(Affinity, affinity)) return `affinity is ${affinity}, which is no Affinity`
  if (!isWhole(headerSize, length)) return `headerSize is ${headerSize} in a message of ${length} bytes`
  if (!isWhole(bodySize, length - headerSize)) {
    return `bodySize is ${bodySize} in a message of ${length} bytes, ${headerSize} of them header`
  }
  if (!isWhole(timeoutMs, Number.MAX_SAFE_INTEGER)) return `timeoutMs is ${timeoutMs}`
  if (!isId(requestId))
    return `requestId is ${typeof requestId} ${requestId}: a bigint exactly if it is no safe integer`
  if (!isWhole(streamId, MAX_STREAM_ID)) return `streamId is ${streamId}, which is not from 0 to 2³¹−1`
  if (isOfStream(message) && streamId === 0) return `type is ${type}, of a stream, but streamId is 0`
  return typeof message.operation === 'string' ? undefined : `operation is ${String(message.operation)}`
}

function isOneOf(choices: Readonly<Record<string, number>>, value: number): boolean {
  return Object.values(choices).includes(value)
}

function isWhole(value: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= most
}

function isId(id: number | bigint): boolean {
  if (typeof id === 'number') return Number.isSafeInteger(id)
  return typeof id === 'bigint' && !Number.isSafeInteger(Number(id))
}
