/** Messages of bRPC as its peers write them: by another library's protobuf, apart from the codec. */

import { BinaryWriter } from '@bufbuild/protobuf/wire'

export interface BrpcFrame {
  /** A correlation id, of 64 bits. */
  readonly id: number | bigint
  readonly payload?: string | Uint8Array
  readonly attachment?: string | Uint8Array
  readonly userFields?: Readonly<Record<string, string>>
}

export interface BrpcRequest extends BrpcFrame {
  readonly service?: string
  readonly method?: string
  readonly logId?: number
  readonly timeoutMs?: number
}

export interface BrpcReply extends BrpcFrame {
  readonly errorCode?: number
  readonly errorText?: string
}

export function brpcRequest(request: BrpcRequest): Buffer {
  const { service = 'test.Echo', method = 'Say', logId, timeoutMs } = request
  const call = new BinaryWriter().uint32(0x0a).string(service).uint32(0x12).string(method)
  if (logId !== undefined) call.uint32(3 << 3).int64(logId)
  if (timeoutMs !== undefined) call.uint32(8 << 3).int32(timeoutMs)
  return frame(1, call, request)
}

export function brpcReply(reply: BrpcReply): Buffer {
  const { errorCode, errorText } = reply
  const outcome = new BinaryWriter()
  if (errorCode !== undefined) outcome.uint32(1 << 3).int32(errorCode)
  if (errorText !== undefined) outcome.uint32((2 << 3) | 2).string(errorText)
  return frame(2, outcome, reply)
}

function frame(
  field: number,
  part: BinaryWriter,
  { id, payload = '', attachment = '', userFields }: BrpcFrame,
): Buffer {
  const [body, tail] = [Buffer.from(payload as string), Buffer.from(attachment as string)]
  const meta = new BinaryWriter().uint32((field << 3) | 2).bytes(part.finish())
  meta.uint32(4 << 3).int64(id)
  if (tail.length > 0) meta.uint32(5 << 3).int32(tail.length)
  for (const [key, value] of Object.entries(userFields ?? {})) {
    const pair = new BinaryWriter().uint32(0x0a).string(key).uint32(0x12).string(value)
    meta.uint32((9 << 3) | 2).bytes(pair.finish())
  }
  const bytes = meta.finish()
  const head = Buffer.from('PRPC00000000')
  head.writeUInt32BE(bytes.length + body.length + tail.length, 4)
  head.writeUInt32BE(bytes.length, 8)
  return Buffer.concat([head, bytes, body, tail])
}
