/** The protobuf headers of unary frames, RequestProtocol and ResponseProtocol: what of them is read and written. */

import { type ByteWriter, MessageType, type Metadata, type Mutation, ResponseStatus } from '@meltemi/sdk'
import { FieldCopy, writeInteger } from '../protobuf/field-copy.ts'
import { FieldReader } from '../protobuf/field-reader.ts'
import { TextMapMutation, TextMapReader } from '../protobuf/text-map.ts'
import { AT, FrameType, HEAD_BYTES, MAGIC, StreamFrame, VERSION_WITH_ID } from './frame.ts'

/** In both headers. */
const REQUEST_ID_TAG = 0x18
/** Field number and wire type in one. */
const Request = { callType: 0x10, timeout: 0x20, caller: 0x2a, callee: 0x32, func: 0x3a, transInfo: 0x4a } as const
const Response = { ret: 0x20, funcRet: 0x28, errorMsg: 0x32, transInfo: 0x42 } as const
const ONE_WAY_CALL = 1
/** What a header says itself, and its trans_info cannot. */
export const NAMES: ReadonlySet<string> = new Set(['caller', 'callee', 'func'])
const MAX_HEADER_BYTES = 0xffff

/** Reads the headers of one connection. */
export class UnaryHeaderReader {
  readonly #fields = new FieldReader()
  readonly #transInfo = new TextMapReader(NAMES)

  /** Throws ProtocolError for what is no protobuf message. */
  read(metadata: Metadata): void {
    this.#transInfo.start()
    this.#fields.start(metadata.message, HEAD_BYTES, metadata.headerSize)
    if (metadata.type === MessageType.Request) this.#readRequest(metadata)
    else this.#readResponse(metadata)
  }

  #readRequest(metadata: Metadata): void {
    const fields = this.#fields
    while (fields.next()) {
      switch (fields.tag) {
        case Request.callType:
          metadata.type = fields.low === ONE_WAY_CALL ? MessageType.Oneway : MessageType.Request
          break
        case REQUEST_ID_TAG:
          metadata.requestId = fields.low
          break
        case Request.timeout:
          metadata.timeoutMs = fields.low
          break
        case Request.caller:
          metadata.setSlice('caller', fields.valueAt, fields.end)
          break
        case Request.callee:
          metadata.setSlice('callee', fields.valueAt, fields.end)
          break
        case Request.func:
          readFunc(metadata, fields)
          break
        case Request.transInfo:
          this.#transInfo.readInto(metadata, fields)
          break
      }
    }
  }

  #readResponse(metadata: Metadata): void {
    const fields = this.#fields
    // as in the reference it is there, also when it is empty
    metadata.set('error_msg', '')
    while (fields.next()) {
      switch (fields.tag) {
        case REQUEST_ID_TAG:
          metadata.requestId = fields.low
          break
        case Response.ret:
          readCode(metadata, 'ret', fields.low)
          break
        case Response.funcRet:
          readCode(metadata, 'func_ret', fields.low)
          break
        case Response.errorMsg:
          metadata.setSlice('error_msg', fields.valueAt, fields.end)
          break
        case Response.transInfo:
          this.#transInfo.readInto(metadata, fields)
          break
      }
    }
  }
}

/** `/trpc.app.server.service/Method`: routed by, and what the message is about. */
export function readFunc(metadata: Metadata, fields: FieldReader): void {
  const func = metadata.message.toString('utf8', fields.valueAt, fields.end)
  metadata.set('func', func)
  metadata.operation = func
}

/** A code of the framework or of the service, an i32; 0 is success. */
export function readCode(metadata: Metadata, key: string, code: number): void {
  if (code === 0) return
  metadata.set(key, String(code | 0))
  metadata.status = ResponseStatus.Error
}

/** Writes the frame with the id and the timeout of `metadata` and with the changes to its trans_info. */
export function writeUnary(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
  const { message, headerSize, requestId } = metadata
  const start = out.length
  out.bytes(message, 0, AT.id)
  if ((message[AT.version] as number) >= VERSION_WITH_ID) out.u32(Number(requestId))
  else out.bytes(message, AT.id, AT.version)
  out.bytes(message, AT.version, HEAD_BYTES)
  copyHeader(metadata, mutation, out)
  const headerBytes = out.length - start - HEAD_BYTES
  if (headerBytes > MAX_HEADER_BYTES) throw new RangeError(`header of ${headerBytes} bytes exceeds ${MAX_HEADER_BYTES}`)
  out.setU32(start + AT.size, HEAD_BYTES + headerBytes + message.length - headerSize)
  out.setU16(start + AT.headerSize, headerBytes)
  out.bytes(message, headerSize)
}

function copyHeader(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
  const { message, headerSize, requestId, timeoutMs } = metadata
  const isReply = metadata.type === MessageType.Response
  const transInfoTag = isReply ? Response.transInfo : Request.transInfo
  const transInfo = mutation.size > 0 ? new TextMapMutation(mutation) : null
  const copy = new FieldCopy(message, HEAD_BYTES, headerSize, out)
  let hasId = false
  let hasTimeout = isReply
  while (copy.next()) {
    const { tag } = copy.fields
    if (tag === REQUEST_ID_TAG) {
      copy.replace(requestId)
      hasId = true
    } else if (tag === Request.timeout && !isReply) {
      copy.replace(timeoutMs)
      hasTimeout = true
    } else if (tag === transInfoTag) transInfo?.take(message, copy)
  }
  if (!hasId) writeInteger(REQUEST_ID_TAG, requestId, out)
  if (!hasTimeout) writeInteger(Request.timeout, timeoutMs, out)
  transInfo?.write(transInfoTag, out)
}

/** Writes the reply to a request that no service has answered, in the version and with the id of its frame. */
export function writeErrorReply(request: Metadata, code: number, text: Buffer, out: ByteWriter): void {
  const start = out.length
  out.u16(MAGIC).u8(FrameType.Unary).u8(StreamFrame.None).u32(0).u16(0)
  out.bytes(request.message, AT.id, HEAD_BYTES)
  const headerAt = out.length
  writeInteger(REQUEST_ID_TAG, request.requestId, out)
  writeInteger(Response.ret, code, out)
  writeInteger(Response.funcRet, code, out)
  out.varint(Response.errorMsg).varint(text.length).bytes(text)
  out.setU32(start + AT.size, out.length - start)
  out.setU16(start + AT.headerSize, out.length - headerAt)
}
