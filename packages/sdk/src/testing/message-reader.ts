import type { Codec, Side } from '../codec.ts'
import { DecodeStatus, MessageType, Metadata, ReceiveBuffer } from '../index.ts'

/**
 * What `decode` returned does not agree with what it has done. `status`: it is no DecodeStatus; `consumed`: it waits,
 * but has taken bytes; `nothing`: it is done, but has taken none; `message`: `metadata.message` is not what it took.
 */
export class BrokenContract extends Error {
  override readonly name = 'BrokenContract'
  readonly kind: 'status' | 'consumed' | 'nothing' | 'message'

  constructor(kind: BrokenContract['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}

/** Reads one connection as the proxy does, and holds the codec to its contract. */
export class MessageReader {
  /** What has come and was not taken. */
  readonly buffer: ReceiveBuffer
  /** How often `decode` was called. */
  decodeCalls = 0
  readonly #codec: Codec
  readonly #type: MessageType

  /** `side`: who sends what it reads. Longer messages than `maxMessageBytes`, 16 MiB if not said, are refused. */
  constructor(codec: Codec, side: Side, maxMessageBytes?: number) {
    this.buffer = new ReceiveBuffer(maxMessageBytes)
    this.#codec = codec
    this.#type = side === 'downstream' ? MessageType.Request : MessageType.Response
  }

  /** Adds bytes and returns the messages that are whole now. Throws what `decode` throws, and BrokenContract. */
  push(chunk: Buffer): Metadata[] {
    this.buffer.append(chunk)
    const found: Metadata[] = []
    while (this.buffer.isReady) {
      const message = this.#next()
      if (message === undefined) break
      found.push(message)
    }
    return found
  }

  #next(): Metadata | undefined {
    const { buffer } = this
    const before = buffer.length
    const metadata = new Metadata(this.#type)
    this.decodeCalls++
    const status = this.#codec.decode(buffer, metadata)
    const consumed = before - buffer.length
    if (status === DecodeStatus.WaitForData) {
      if (consumed > 0) throw new BrokenContract('consumed', `decode waits for data but has consumed ${consumed} bytes`)
      buffer.wait()
      return undefined
    }
    if (status !== DecodeStatus.Done) throw new BrokenContract('status', `decode returned ${status}`)
    if (consumed === 0) {
      throw new BrokenContract('nothing', 'decode is done but has consumed nothing: it would never end')
    }
    const { message } = metadata
    if (!Buffer.isBuffer(message)) throw new BrokenContract('message', 'metadata.message is no Buffer')
    if (message.length !== consumed) {
      const what = `decode has consumed ${consumed} bytes but metadata.message has ${message.length}`
      throw new BrokenContract('message', what)
    }
    return metadata
  }
}
