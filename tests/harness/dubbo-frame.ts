/** Dubbo messages for tests, written and read apart from the codec. Bodies are Hessian 2. */

const MAGIC = 0xdabb
const HEAD_BYTES = 16
const HESSIAN2 = 2
const REQUEST = 0x80
const TWO_WAY = 0x40
const EVENT = 0x20
const OK = 20
const CHUNK_BYTES = 0xffff
const NULL = Buffer.from('N')

export interface DubboRequest {
  readonly id: number
  /** The interface that is called. */
  readonly service?: string
  readonly method?: string
  /** The one argument, an array of bytes. */
  readonly body?: Buffer | string
  readonly attachments?: Readonly<Record<string, string>>
  readonly isOneway?: boolean
}

export interface DubboReply {
  readonly id: number
  /** The result, an array of bytes, or what is thrown instead. */
  readonly body?: Buffer | string
  readonly attachments?: Readonly<Record<string, string>>
  readonly isException?: boolean
}

/** What stands in a message, without its attachments. */
export interface DubboMessage {
  readonly length: number
  readonly id: number
  readonly isRequest: boolean
  readonly isTwoWay: boolean
  readonly isEvent: boolean
  /** The status is not OK, or the result is an exception. */
  readonly isError: boolean
  /** Argument, result, exception, or the text of a status that is not OK. */
  readonly body: Buffer
}

export function dubboRequest(request: DubboRequest): Buffer {
  const { id, service = 'org.example.Echo', method = 'echo', body = '', attachments = {}, isOneway } = request
  const names = ['2.0.2', service, '1.0.0', method, '[B'].map(hessianText)
  const values = [...names, hessianBinary(Buffer.from(body as string)), hessianMap(attachments)]
  return frame(REQUEST | (isOneway ? 0 : TWO_WAY) | HESSIAN2, 0, id, Buffer.concat(values))
}

export function dubboReply({ id, body = '', attachments = {}, isException }: DubboReply): Buffer {
  const type = Buffer.of(0x90 + (isException ? 3 : 4))
  return frame(
    HESSIAN2,
    OK,
    id,
    Buffer.concat([type, hessianBinary(Buffer.from(body as string)), hessianMap(attachments)]),
  )
}

export function dubboHeartbeat(id: number): Buffer {
  return frame(REQUEST | TWO_WAY | EVENT | HESSIAN2, 0, id, NULL)
}

export function dubboHeartbeatReply(id: number): Buffer {
  return frame(EVENT | HESSIAN2, OK, id, NULL)
}

/** The first message of these bytes; null: not whole yet. Throws when they are none. */
export function readDubboMessage(bytes: Buffer): DubboMessage | null {
  if (bytes.length >= 2 && bytes.readUInt16BE(0) !== MAGIC) throw new Error(`magic ${bytes.readUInt16BE(0)}`)
  if (bytes.length < HEAD_BYTES) return null
  const length = HEAD_BYTES + bytes.readInt32BE(12)
  if (bytes.length < length) return null
  const flags = bytes[2] as number
  const status = bytes[3] as number
  const isRequest = (flags & REQUEST) !== 0
  const isEvent = (flags & EVENT) !== 0
  const head = {
    length,
    id: Number(bytes.readBigInt64BE(4)),
    isRequest,
    isTwoWay: (flags & TWO_WAY) !== 0,
    isEvent,
  }
  const body = bytes.subarray(HEAD_BYTES, length)
  if (isEvent) return { ...head, isError: false, body: Buffer.alloc(0) }
  if (!isRequest && status !== OK) return { ...head, isError: true, body: readText(body, 0).content }
  let at = 1
  if (isRequest) {
    at = 0
    for (let n = 0; n < 5; n++) at = readText(body, at).end
  }
  return { ...head, isError: !isRequest && body[0] === 0x93, body: readBinary(body, at) }
}

export function hessianText(text: string): Buffer {
  const units = text.length
  const head = units < 32 ? Buffer.of(units) : Buffer.of(0x53, units >> 8, units & 0xff)
  return Buffer.concat([head, Buffer.from(text)])
}

export function hessianMap(entries: Readonly<Record<string, string>>): Buffer {
  const texts = Object.entries(entries).flatMap((pair) => pair.map(hessianText))
  return Buffer.concat([Buffer.from('H'), ...texts, Buffer.from('Z')])
}

export function hessianBinary(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (; bytes.length - from > CHUNK_BYTES; from += CHUNK_BYTES) {
    parts.push(Buffer.of(0x41, 0xff, 0xff), bytes.subarray(from, from + CHUNK_BYTES))
  }
  const left = bytes.length - from
  parts.push(Buffer.of(0x42, left >> 8, left & 0xff), bytes.subarray(from))
  return Buffer.concat(parts)
}

function frame(flags: number, status: number, id: number, body: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt16BE(MAGIC, 0)
  head[2] = flags
  head[3] = status
  head.writeBigInt64BE(BigInt(id), 4)
  head.writeInt32BE(body.length, 12)
  return Buffer.concat([head, body])
}

/** ASCII alone, in one piece. */
function readText(body: Buffer, at: number): { readonly content: Buffer; readonly end: number } {
  const code = body[at] as number
  const [head, units] =
    code < 32
      ? [1, code]
      : code === 0x53
        ? [3, body.readUInt16BE(at + 1)]
        : [2, ((code - 0x30) << 8) | (body[at + 1] as number)]
  const start = at + (head as number)
  return { content: body.subarray(start, start + (units as number)), end: start + (units as number) }
}

function readBinary(body: Buffer, start: number): Buffer {
  const parts: Buffer[] = []
  for (let at = start; ; ) {
    const code = body[at]
    if (code !== 0x41 && code !== 0x42) throw new Error(`byte ${code} where a binary should be`)
    const end = at + 3 + body.readUInt16BE(at + 1)
    parts.push(body.subarray(at + 3, end))
    if (code === 0x42) return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
    at = end
  }
}
