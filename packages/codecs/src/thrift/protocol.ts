/** What binary and compact have in common: the beginning of a message, an exception, and how values are skipped. */

import { type ByteWriter, MessageType, type Metadata, ProtocolError, type ReceiveBuffer } from '@meltemi/sdk'
import type { ValueReader } from './struct-skip.ts'

/** One encoding of messages. `begin` is where the message begins in its frame, `end` where its beginning ends. */
export interface Protocol extends ValueReader {
  readonly name: 'binary' | 'compact'
  /** Its number in the header transport. */
  readonly headerId: number
  isMagic(firstTwoBytes: number): boolean
  /** Fills type, id, header size and names from the message at `begin`; throws ProtocolError. */
  readBegin(message: Buffer, begin: number, metadata: Metadata): void
  /** Bytes before the struct of an unframed message; -1: more are needed. */
  structAt(buffer: ReceiveBuffer): number
  seqidAt(message: Buffer, begin: number, end: number): number
  readSeqid(message: Buffer, at: number): number
  /** Length of the sequence id at this position. */
  seqidBytes(message: Buffer, at: number): number
  /** Length that this id will have. */
  bytesOf(seqid: number): number
  writeSeqid(seqid: number, out: ByteWriter): void
  /** The whole name, with its service if it has one. */
  readName(message: Buffer, begin: number, end: number): Buffer
  /** Writes a whole TApplicationException message. */
  writeException(exception: ApplicationException, out: ByteWriter): void
  /** Writes a whole call of a method without arguments. */
  writeCall(name: Buffer, seqid: number, out: ByteWriter): void
}

/** The error reply of Thrift. */
export interface ApplicationException {
  /** The method that was called. */
  readonly name: Buffer
  readonly seqid: number
  readonly type: number
  readonly text: string
}

/** Thrift's own numbers. */
export const THRIFT_CALL = 1
export const THRIFT_EXCEPTION = 3
const MESSAGE_TYPES = [
  undefined,
  MessageType.Request,
  MessageType.Response,
  MessageType.Error,
  MessageType.Oneway,
] as const

/** The framework's word for a Thrift message type. */
export function messageType(thriftType: number): MessageType {
  const type = MESSAGE_TYPES[thriftType]
  if (type === undefined)
    throw new ProtocolError(`message type ${thriftType} is none of call, reply, exception, oneway`)
  return type
}

/** Between service and method in a multiplexed name. */
export const COLON = 0x3a

/** Makes the name at [start, end) routable: `method`, and `service` when the name is multiplexed, `service:method`. */
export function setNames(metadata: Metadata, message: Buffer, start: number, end: number): void {
  let colon = start
  while (colon < end && message[colon] !== COLON) colon++
  if (colon === end) {
    metadata.setSlice('method', start, end)
    return
  }
  metadata.setSlice('service', start, colon)
  metadata.setSlice('method', colon + 1, end)
}

/** Throws ProtocolError for a name that cannot lie between these positions. */
export function checkName(length: number, start: number, end: number): void {
  if (length < 0 || start + length > end) {
    throw new ProtocolError(`name length ${length} does not fit the ${Math.max(end - start, 0)} bytes that are left`)
  }
}
