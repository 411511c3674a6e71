/**
 * A protocol whose connection remembers: the service greets first, a login or a subscription lasts until the end, a
 * transaction from begin to commit, and the service may push at any time.
 *
 *   | u8 verb | u32 length of all | u32 id | body … |
 *
 *   client   L login · B begin · C commit · S subscribe · Q query
 *   service  G greeting (id 0) · K ok · E error · P push (id 0)
 */

import {
  Affinity,
  type ByteWriter,
  type Codec,
  type CodecDefinition,
  DecodeStatus,
  type Failure,
  type MessageId,
  MessageType,
  type Metadata,
  type Mutation,
  ProtocolError,
  type ReceiveBuffer,
  ResponseStatus,
} from '@meltemi/sdk'

const AT = { verb: 0, length: 1, id: 5 } as const
const HEADER_BYTES = 9
const CLIENT_VERBS = 'LBCSQ'
const SERVICE_VERBS = 'GKEP'

class SessionCodec implements Codec {
  /** From a login or a subscription on no commit gives the connection back. */
  #isForever = false

  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
    const verb = String.fromCharCode(buffer.u8(AT.verb))
    const verbs = metadata.type === MessageType.Request ? CLIENT_VERBS : SERVICE_VERBS
    if (!verbs.includes(verb)) throw new ProtocolError(`verb ${JSON.stringify(verb)} is not one of ${verbs}`)
    const length = buffer.u32(AT.length)
    if (length < HEADER_BYTES) throw new ProtocolError(`length ${length} is below ${HEADER_BYTES}`)
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    metadata.requestId = buffer.u32(AT.id)
    metadata.headerSize = HEADER_BYTES
    metadata.bodySize = length - HEADER_BYTES
    metadata.affinity = this.#affinity(verb)
    if (verb === 'E') metadata.status = ResponseStatus.Error
    metadata.operation = verb
    metadata.set('verb', verb)
    metadata.message = buffer.take(length)
    metadata.setSlice('body', HEADER_BYTES, length)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    out.bytes(metadata.message, 0, AT.id).u32(Number(metadata.requestId)).bytes(metadata.message, HEADER_BYTES)
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    out.bytes(sessionFrame({ verb: 'E', id: Number(request.requestId), body: failure.message }))
  }

  patchIds(bytes: Buffer, start: number, requestId: MessageId): boolean {
    bytes.writeUInt32BE(Number(requestId), start + AT.id)
    return true
  }

  #affinity(verb: string): Affinity {
    if (verb === 'L' || verb === 'S') this.#isForever = true
    if (verb === 'L' || verb === 'S' || verb === 'B') return Affinity.Pin
    return verb === 'C' && !this.#isForever ? Affinity.Unpin : Affinity.None
  }
}

export const session: CodecDefinition = {
  name: 'meltemi.test.session',
  contract: 1,
  correlation: 'id',
  greeting: 'server',
  create: () => new SessionCodec(),
}

/** The same without a greeting, so that unpinned requests can share connections. */
export const transaction: CodecDefinition = {
  name: 'meltemi.test.transaction',
  contract: 1,
  correlation: 'id',
  create: () => new SessionCodec(),
}

export function sessionFrame(frame: { verb: string; id?: number; body?: string | Buffer }): Buffer {
  const { verb, id = 0, body = '' } = frame
  const bytes = Buffer.from(body as string)
  const head = Buffer.alloc(HEADER_BYTES, verb)
  head.writeUInt32BE(HEADER_BYTES + bytes.length, AT.length)
  head.writeUInt32BE(id, AT.id)
  return Buffer.concat([head, bytes])
}
