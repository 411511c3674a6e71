/** The protobuf RpcMeta of bRPC's messages: what of it is read and written. */

import {
  ByteWriter,
  type MessageId,
  MessageType,
  type Metadata,
  type Mutation,
  ProtocolError,
  ResponseStatus,
} from '@meltemi/sdk'
import { FieldCopy, writeEmbedded, writeInteger } from '../protobuf/field-copy.ts'
import { FieldReader } from '../protobuf/field-reader.ts'
import { TextMapMutation, TextMapReader } from '../protobuf/text-map.ts'
import { varintBytes } from '../protobuf/varint.ts'
import { AT, HEAD_BYTES, MAGIC } from './frame.ts'

/** Field number and wire type in one. */
const Meta = { request: 0x0a, response: 0x12, correlationId: 0x20, userFields: 0x4a } as const
const Request = { serviceName: 0x0a, methodName: 0x12, logId: 0x18, timeoutMs: 0x40 } as const
const Response = { errorCode: 0x08, errorText: 0x12 } as const

/** What a request is routed and allowed by; user fields cannot say it. */
const OWN_KEYS: ReadonlySet<string> = new Set(['service', 'interface', 'method', 'log_id'])

/** Reads the metas of one connection. */
export class MetaReader {
  readonly #fields = new FieldReader()
  readonly #embedded = new FieldReader()
  readonly #userFields = new TextMapReader(OWN_KEYS)
  #service = ''
  #method = ''
  #logId: MessageId | undefined

  /** Throws ProtocolError for what is no protobuf message, and for a request that does not say what it calls. */
  read(metadata: Metadata): void {
    const isRequest = metadata.type === MessageType.Request
    const fields = this.#fields.start(metadata.message, HEAD_BYTES, metadata.headerSize)
    this.#service = ''
    this.#method = ''
    this.#logId = undefined
    this.#userFields.start()
    while (fields.next()) {
      switch (fields.tag) {
        case Meta.request:
          if (isRequest) this.#readRequest(metadata)
          break
        case Meta.response:
          if (!isRequest) this.#readResponse(metadata)
          break
        case Meta.correlationId:
          metadata.requestId = fields.int64
          break
        case Meta.userFields:
          this.#userFields.readInto(metadata, fields)
          break
      }
    }
    if (isRequest) this.#setNames(metadata)
  }

  #readRequest(metadata: Metadata): void {
    const { message } = metadata
    const request = this.#embedded.start(message, this.#fields.valueAt, this.#fields.end)
    while (request.next()) {
      switch (request.tag) {
        case Request.serviceName:
          this.#service = message.toString('utf8', request.valueAt, request.end)
          break
        case Request.methodName:
          this.#method = message.toString('utf8', request.valueAt, request.end)
          break
        case Request.logId:
          this.#logId = request.int64
          break
        case Request.timeoutMs:
          metadata.timeoutMs = Math.max(request.low | 0, 0)
          break
      }
    }
    // so that it is known, when it is written again, whether it is another
    metadata.detail = metadata.timeoutMs
  }

  /** A service closes the connection on which such a request comes, and on a shared one others would suffer for it. */
  #setNames(metadata: Metadata): void {
    const service = this.#service
    const method = this.#method
    if (service === '' || method === '') throw new ProtocolError('meta names no service and method to be called')
    metadata.set('service', service)
    metadata.set('interface', service)
    metadata.set('method', method)
    if (this.#logId !== undefined) metadata.set('log_id', String(this.#logId))
    metadata.operation = `${service}/${method}`
  }

  #readResponse(metadata: Metadata): void {
    const response = this.#embedded.start(metadata.message, this.#fields.valueAt, this.#fields.end)
    while (response.next()) {
      if (response.tag === Response.errorText) metadata.setSlice('error_text', response.valueAt, response.end)
      else if (response.tag === Response.errorCode && response.low !== 0) {
        metadata.set('error_code', String(response.low | 0))
        metadata.status = ResponseStatus.Error
      }
    }
  }
}

/** Writes the message with the id and the timeout of `metadata` and with the changes to its user fields. */
export function writeMessage(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
  const { message, headerSize } = metadata
  const start = out.length
  out.bytes(message, 0, HEAD_BYTES)
  copyMeta(metadata, mutation, out)
  const metaSize = out.length - start - HEAD_BYTES
  out.setU32(start + AT.bodySize, metaSize + message.length - headerSize)
  out.setU32(start + AT.metaSize, metaSize)
  out.bytes(message, headerSize)
}

function copyMeta(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
  const { message, headerSize, requestId, timeoutMs } = metadata
  const isOtherTimeout = metadata.type === MessageType.Request && timeoutMs !== metadata.detail
  const userFields = mutation.size > 0 ? new TextMapMutation(mutation) : null
  const copy = new FieldCopy(message, HEAD_BYTES, headerSize, out)
  let hasId = false
  while (copy.next()) {
    const { tag, valueAt, end } = copy.fields
    if (tag === Meta.correlationId) {
      copy.replace(requestId)
      hasId = true
    } else if (tag === Meta.userFields) userFields?.take(message, copy)
    else if (tag === Meta.request && isOtherTimeout) {
      copy.drop()
      writeEmbedded(Meta.request, withTimeout(message.subarray(valueAt, end), timeoutMs), out)
    }
  }
  if (!hasId) writeInteger(Meta.correlationId, requestId, out)
  userFields?.write(Meta.userFields, out)
}

/** A copy of the request meta with this timeout. */
function withTimeout(bytes: Buffer, timeoutMs: number): ByteWriter {
  const out = new ByteWriter()
  const copy = new FieldCopy(bytes, 0, bytes.length, out)
  while (copy.next()) if (copy.fields.tag === Request.timeoutMs) copy.drop()
  writeInteger(Request.timeoutMs, timeoutMs, out)
  return out
}

/** Writes the reply to a request that no service has answered. */
export function writeErrorReply(request: Metadata, code: number, text: Buffer, out: ByteWriter): void {
  const start = out.length
  out.latin1(MAGIC).u32(0).u32(0)
  out.varint(Meta.response).varint(1 + varintBytes(code) + 1 + varintBytes(text.length) + text.length)
  out.varint(Response.errorCode).varint(code).varint(Response.errorText).varint(text.length).bytes(text)
  writeInteger(Meta.correlationId, request.requestId, out)
  const metaSize = out.length - start - HEAD_BYTES
  out.setU32(start + AT.bodySize, metaSize)
  out.setU32(start + AT.metaSize, metaSize)
}
