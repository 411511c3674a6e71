/** Frames of tRPC as its peers write them: by another library's protobuf, apart from the codec. */

import { BinaryWriter } from '@bufbuild/protobuf/wire'

export type TransInfo = Readonly<Record<string, string | Uint8Array>>

export interface TrpcRequest {
  readonly id: number
  readonly callType?: number
  readonly timeoutMs?: number
  readonly caller?: string
  readonly callee?: string
  readonly func?: string
  readonly transInfo?: TransInfo
  readonly body?: string | Uint8Array
  /** Of the frame: from 1 on its id is that of the request. */
  readonly version?: number
}

export interface TrpcReply {
  readonly id: number
  readonly ret?: number
  readonly funcRet?: number
  readonly errorMsg?: string
  readonly transInfo?: TransInfo
  readonly body?: string | Uint8Array
  readonly version?: number
}

export interface TrpcInit {
  readonly stream: number
  readonly func?: string
  readonly transInfo?: TransInfo
}

/** What ends a stream, or refuses it. */
export interface TrpcEnd {
  readonly stream: number
  readonly ret?: number
  readonly message?: string
  readonly isReset?: boolean
}

const FUNC = '/trpc.test.echo.Echo/Say'
const CALLEE = 'trpc.test.echo.Echo'
const CALLER = 'trpc.test.client.Caller'
const WINDOW_BYTES = 65535
const HEAD_BYTES = 16
const Stream = { Init: 1, Data: 2, Feedback: 3, Close: 4 } as const

export function trpcRequest(request: TrpcRequest): Buffer {
  const { id, callType = 0, timeoutMs = 0, body = '', version = 1 } = request
  const { caller = CALLER, callee = CALLEE, func = FUNC, transInfo = {} } = request
  const header = new BinaryWriter()
  for (const [field, value] of [
    [2, callType],
    [3, id],
    [4, timeoutMs],
  ] as const) {
    if (value !== 0) header.uint32(field << 3).uint32(value)
  }
  for (const [n, text] of [caller, callee, func].entries()) writeText(header, n + 5, text)
  writeMap(header, 9, transInfo)
  return unary({ header, body, id, version })
}

export function trpcReply(reply: TrpcReply): Buffer {
  const { id, ret = 0, funcRet = 0, errorMsg = '', transInfo = {}, body = '', version = 1 } = reply
  const header = new BinaryWriter().uint32(3 << 3).uint32(id)
  if (ret !== 0) header.uint32(4 << 3).int32(ret)
  if (funcRet !== 0) header.uint32(5 << 3).int32(funcRet)
  writeText(header, 6, errorMsg)
  writeMap(header, 8, transInfo)
  return unary({ header, body, id, version })
}

/** What a client opens a stream with. */
export function trpcInit({ stream, func = FUNC, transInfo = {} }: TrpcInit): Buffer {
  const meta = new BinaryWriter()
  for (const [n, text] of [CALLER, CALLEE, func].entries()) writeText(meta, n + 1, text)
  writeMap(meta, 5, transInfo)
  const init = new BinaryWriter().uint32((1 << 3) | 2).bytes(meta.finish())
  return streamFrame(
    Stream.Init,
    stream,
    init
      .uint32(3 << 3)
      .uint32(WINDOW_BYTES)
      .finish(),
  )
}

/** What a service opens a stream with, or refuses it where there is a code. */
export function trpcInitReply({ stream, ret = 0, message = '' }: TrpcEnd): Buffer {
  const meta = new BinaryWriter()
  if (ret !== 0) meta.uint32(1 << 3).int32(ret)
  writeText(meta, 2, message)
  const init = new BinaryWriter().uint32((2 << 3) | 2).bytes(meta.finish())
  return streamFrame(
    Stream.Init,
    stream,
    init
      .uint32(3 << 3)
      .uint32(WINDOW_BYTES)
      .finish(),
  )
}

export function trpcData(stream: number, body: string | Uint8Array): Buffer {
  return streamFrame(Stream.Data, stream, Buffer.from(body as string))
}

export function trpcFeedback(stream: number, increment: number): Buffer {
  return streamFrame(
    Stream.Feedback,
    stream,
    new BinaryWriter()
      .uint32(1 << 3)
      .uint32(increment)
      .finish(),
  )
}

export function trpcClose({ stream, ret = 0, message = '', isReset = false }: TrpcEnd): Buffer {
  const close = new BinaryWriter()
  if (isReset) close.uint32(1 << 3).int32(1)
  if (ret !== 0) close.uint32(2 << 3).int32(ret)
  writeText(close, 3, message)
  return streamFrame(Stream.Close, stream, close.finish())
}

function streamFrame(kind: number, stream: number, payload: Uint8Array): Buffer {
  const head = headOf({ frameType: 1, streamFrame: kind, length: HEAD_BYTES + payload.length })
  head.writeUInt32BE(stream, 10)
  return Buffer.concat([head, payload])
}

interface Unary {
  readonly header: BinaryWriter
  readonly body: string | Uint8Array
  readonly id: number
  readonly version: number
}

function unary({ header, body, id, version }: Unary): Buffer {
  const fields = header.finish()
  const payload = Buffer.from(body as string)
  const head = headOf({ frameType: 0, streamFrame: 0, length: HEAD_BYTES + fields.length + payload.length })
  head.writeUInt16BE(fields.length, 8)
  if (version > 0) head.writeUInt32BE(id, 10)
  head.writeUInt8(version, 14)
  return Buffer.concat([head, fields, payload])
}

function headOf(facts: { readonly frameType: number; readonly streamFrame: number; readonly length: number }): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt16BE(0x0930, 0)
  head.writeUInt8(facts.frameType, 2)
  head.writeUInt8(facts.streamFrame, 3)
  head.writeUInt32BE(facts.length, 4)
  return head
}

function writeText(writer: BinaryWriter, field: number, text: string): void {
  if (text !== '') writer.uint32((field << 3) | 2).string(text)
}

function writeMap(writer: BinaryWriter, field: number, map: TransInfo): void {
  for (const [key, value] of Object.entries(map)) {
    const pair = new BinaryWriter()
      .uint32(0x0a)
      .string(key)
      .uint32(0x12)
      .bytes(Buffer.from(value as string))
    writer.uint32((field << 3) | 2).bytes(pair.finish())
  }
}
