/**
 * Stream frames. One INIT each way opens a stream, and the service's may refuse it; DATA is the peers' own, FEEDBACK
 * widens the window in which the other side may send.
 *
 *   client   INIT ─► DATA, FEEDBACK … ─► CLOSE: it sends no more DATA, but reads on    CLOSE with type 1: reset
 *   service  INIT ─► DATA, FEEDBACK … ─► CLOSE: it has returned, the stream is over    the same with an error
 */

import { ByteWriter, MessageType, type Metadata, type Mutation, ProtocolError, ResponseStatus } from '@meltemi/sdk'
import { FieldCopy, writeEmbedded, writeInteger } from '../protobuf/field-copy.ts'
import { FieldReader } from '../protobuf/field-reader.ts'
import { TextMapMutation, TextMapReader } from '../protobuf/text-map.ts'
import { varintBytes } from '../protobuf/varint.ts'
import { AT, FrameType, HEAD_BYTES, MAGIC, StreamFrame } from './frame.ts'
import { NAMES, readCode, readFunc } from './unary-header.ts'

const MAX_STREAM_ID = 0x7fffffff
/** Field number and wire type in one. */
const Init = { requestMeta: 0x0a, responseMeta: 0x12 } as const
const RequestMeta = { caller: 0x0a, callee: 0x12, func: 0x1a, transInfo: 0x2a } as const
const ResponseMeta = { ret: 0x08, errorMsg: 0x12 } as const
const Close = { closeType: 0x08, ret: 0x10, msg: 0x1a, funcRet: 0x30 } as const
const RESET = 1

/** Reads the stream frames of one connection. */
export class StreamFrameReader {
  readonly #fields = new FieldReader()
  readonly #meta = new FieldReader()
  readonly #transInfo = new TextMapReader(NAMES)

  /** Throws ProtocolError for an id that is none, and for what is no protobuf message. */
  read(metadata: Metadata): void {
    const { message } = metadata
    const streamId = message.readUInt32BE(AT.id)
    if (streamId === 0 || streamId > MAX_STREAM_ID) {
      throw new ProtocolError(`stream id ${streamId} is not within 1 and ${MAX_STREAM_ID}`)
    }
    const isFromService = metadata.type === MessageType.Response
    metadata.streamId = streamId
    this.#fields.start(message, HEAD_BYTES, message.length)
    switch (message[AT.streamFrame]) {
      case StreamFrame.Init:
        metadata.type = MessageType.StreamInit
        if (isFromService) this.#readAnswer(metadata)
        else this.#readOpening(metadata)
        return
      case StreamFrame.Close:
        metadata.type = this.#readClose(metadata, isFromService)
        return
      default:
        metadata.type = MessageType.StreamData
    }
  }

  #readOpening(metadata: Metadata): void {
    const fields = this.#fields
    this.#transInfo.start()
    while (fields.next()) if (fields.tag === Init.requestMeta) this.#readRequestMeta(metadata)
  }

  #readRequestMeta(metadata: Metadata): void {
    const meta = this.#meta.start(metadata.message, this.#fields.valueAt, this.#fields.end)
    while (meta.next()) {
      if (meta.tag === RequestMeta.caller) metadata.setSlice('caller', meta.valueAt, meta.end)
      else if (meta.tag === RequestMeta.callee) metadata.setSlice('callee', meta.valueAt, meta.end)
      else if (meta.tag === RequestMeta.func) readFunc(metadata, meta)
      else if (meta.tag === RequestMeta.transInfo) this.#transInfo.readInto(metadata, meta)
    }
  }

  /** A service that refuses a stream says so in place of opening it. */
  #readAnswer(metadata: Metadata): void {
    const fields = this.#fields
    while (fields.next()) {
      if (fields.tag !== Init.responseMeta) continue
      const meta = this.#meta.start(metadata.message, fields.valueAt, fields.end)
      while (meta.next()) {
        if (meta.tag === ResponseMeta.ret) readCode(metadata, 'ret', meta.low)
        else if (meta.tag === ResponseMeta.errorMsg) metadata.setSlice('error_msg', meta.valueAt, meta.end)
      }
    }
    if (metadata.status === ResponseStatus.Error) metadata.type = MessageType.Error
  }

  #readClose(metadata: Metadata, isFromService: boolean): MessageType {
    const fields = this.#fields
    let isReset = false
    while (fields.next()) {
      if (fields.tag === Close.closeType) isReset = fields.low !== 0
      else if (fields.tag === Close.ret) readCode(metadata, 'ret', fields.low)
      else if (fields.tag === Close.funcRet) readCode(metadata, 'func_ret', fields.low)
      else if (fields.tag === Close.msg) metadata.setSlice('error_msg', fields.valueAt, fields.end)
    }
    if (isReset) metadata.status = ResponseStatus.Error
    // a service closes when it has returned: nobody waits for the client's half any more, and it need not come
    return isReset || isFromService ? MessageType.StreamCloseTwoWay : MessageType.StreamCloseOneWay
  }
}

/** Writes the frame with the stream id of `metadata`, an opening one with the changes to its trans_info. */
export function writeStreamFrame(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
  const { message, streamId } = metadata
  if (mutation.size > 0 && metadata.type === MessageType.StreamInit) {
    writeOpening(metadata, mutation, out)
    return
  }
  out.bytes(message, 0, AT.id).u32(streamId).bytes(message, AT.version)
}

/** INIT with a refusal: `meta` is what the service would have said. */
export function writeRefusal(opened: Metadata, code: number, text: Buffer, out: ByteWriter): void {
  const metaBytes = 1 + varintBytes(code) + 1 + varintBytes(text.length) + text.length
  writeHead(opened.message, { streamFrame: StreamFrame.Init, streamId: opened.streamId }, out)
  const at = out.length
  out.varint(Init.responseMeta).varint(metaBytes)
  out.varint(ResponseMeta.ret).varint(code).varint(ResponseMeta.errorMsg).varint(text.length).bytes(text)
  out.setU32(at - HEAD_BYTES + AT.size, HEAD_BYTES + out.length - at)
}

/** CLOSE that resets the stream. */
export function writeReset(
  opened: Metadata,
  reset: { readonly streamId: number; readonly code: number; readonly text: Buffer },
  out: ByteWriter,
): void {
  const { streamId, code, text } = reset
  writeHead(opened.message, { streamFrame: StreamFrame.Close, streamId }, out)
  const at = out.length
  writeInteger(Close.closeType, RESET, out)
  writeInteger(Close.ret, code, out)
  out.varint(Close.msg).varint(text.length).bytes(text)
  out.setU32(at - HEAD_BYTES + AT.size, HEAD_BYTES + out.length - at)
}

/** In the version of the frame that opened the stream; the size is set later. */
function writeHead(
  opened: Buffer,
  { streamFrame, streamId }: { readonly streamFrame: number; readonly streamId: number },
  out: ByteWriter,
): void {
  out.u16(MAGIC).u8(FrameType.Stream).u8(streamFrame).u32(0).u16(0).u32(streamId)
  out.bytes(opened, AT.version, HEAD_BYTES)
}

/** An INIT whose trans_info changes; its header size is 0, as it should be in all stream frames. */
function writeOpening(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
  const { message, streamId } = metadata
  const start = out.length
  out.bytes(message, 0, AT.headerSize).u16(0).u32(streamId).bytes(message, AT.version, HEAD_BYTES)
  const copy = new FieldCopy(message, HEAD_BYTES, message.length, out)
  const transInfo = new TextMapMutation(mutation)
  let isAdded = false
  while (copy.next()) {
    if (copy.fields.tag !== Init.requestMeta) continue
    const meta = new ByteWriter()
    copyRequestMeta(message.subarray(copy.fields.valueAt, copy.fields.end), transInfo, meta)
    // protobuf takes several of them for one
    if (!isAdded) transInfo.write(RequestMeta.transInfo, meta)
    isAdded = true
    copy.drop()
    writeEmbedded(Init.requestMeta, meta, out)
  }
  if (!isAdded) {
    const meta = new ByteWriter()
    transInfo.write(RequestMeta.transInfo, meta)
    writeEmbedded(Init.requestMeta, meta, out)
  }
  out.setU32(start + AT.size, out.length - start)
}

function copyRequestMeta(bytes: Buffer, transInfo: TextMapMutation, out: ByteWriter): void {
  const copy = new FieldCopy(bytes, 0, bytes.length, out)
  while (copy.next()) if (copy.fields.tag === RequestMeta.transInfo) transInfo.take(bytes, copy)
}
