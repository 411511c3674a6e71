/** One awesomerpc message, for tests. */
export interface AwesomerpcFrame {
  readonly id: number
  readonly cmd?: number
  readonly rspCode?: number
  readonly body?: string | Buffer
}

export function awesomerpcFrame({ id, cmd = 1, rspCode = 0, body = '' }: AwesomerpcFrame): Buffer {
  const bytes = Buffer.from(body as string)
  const head = Buffer.alloc(13)
  head[0] = 1
  head.writeUInt32BE(id, 1)
  head.writeUInt32BE(head.length + bytes.length, 5)
  head.writeInt16BE(cmd, 9)
  head.writeInt16BE(rspCode, 11)
  return Buffer.concat([head, bytes])
}
