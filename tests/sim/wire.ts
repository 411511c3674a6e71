import type { StringMatch } from '@meltemi/api/model'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { type Codec, type CodecDefinition, MessageType, type Metadata, type Side } from '@meltemi/sdk'
import { awesomerpcFrame } from '../harness/awesomerpc-frame.ts'
import { streaming, streamingFrame } from '../harness/codecs/streaming.ts'

/** One message as clients and services of the simulation see it. */
export interface Frame {
  readonly type: MessageType
  readonly id: number
  readonly stream: number
  readonly isError: boolean
  readonly isLast: boolean
  readonly body: Buffer
}

/** A protocol as its peers speak it: written and read apart from the codec, which is the proxy's. */
export interface Wire {
  readonly name: string
  readonly definition: CodecDefinition
  /** What clients send besides requests; those that are named twice more often. */
  readonly kinds: readonly ('oneway' | 'heartbeat' | 'stream')[]
  /** Replies may come in parts. */
  readonly hasParts: boolean
  /** The property that routes go by. */
  readonly routing: { readonly key: string; testOf(route: number): StringMatch }
  write(frame: Frame & { readonly route: number }): Buffer
  /** The first message of these bytes and its length; null: not whole yet. Throws when they are none. */
  read(bytes: Buffer, from: 'client' | 'service'): { readonly frame: Frame; readonly length: number } | null
  /** Bytes that can never become a message. */
  readonly garbage: Buffer
}

const AWESOMERPC_HEAD_BYTES = 13

const plain: Wire = {
  name: 'awesomerpc',
  definition: awesomerpc,
  kinds: [],
  hasParts: false,
  routing: { key: 'cmd', testOf: (route) => ({ kind: 'exact', text: String(route), ignoreCase: false }) },
  write: ({ id, route, isError, body }) => awesomerpcFrame({ id, cmd: route, rspCode: isError ? 7 : 0, body }),
  read(bytes, from) {
    if (bytes.length < AWESOMERPC_HEAD_BYTES) return null
    const length = bytes.readUInt32BE(5)
    if (length < AWESOMERPC_HEAD_BYTES) throw new Error(`pack_len ${length}`)
    if (bytes.length < length) return null
    const frame = {
      type: from === 'client' ? MessageType.Request : MessageType.Response,
      id: bytes.readUInt32BE(1),
      stream: 0,
      isError: from === 'service' && bytes.readInt16BE(11) !== 0,
      isLast: true,
      body: bytes.subarray(AWESOMERPC_HEAD_BYTES, length),
    }
    return { frame, length }
  },
  garbage: Buffer.from('01000000010000000100010000', 'hex'),
}

const STREAMING_HEAD_BYTES = 20

const typed: Wire = {
  name: 'typed',
  definition: streaming,
  kinds: ['oneway', 'heartbeat', 'stream', 'stream'],
  hasParts: true,
  routing: {
    key: 'body',
    testOf: (route) => ({ kind: 'prefix', text: String.fromCharCode(0x61 + route), ignoreCase: false }),
  },
  write: ({ type, id, stream, isError, isLast, body }) =>
    streamingFrame({ type, id, stream, status: isError ? 1 : 0, flags: isLast ? 0 : 1, body }),
  read(bytes) {
    if (bytes.length < STREAMING_HEAD_BYTES) return null
    const length = bytes.readUInt32BE(4)
    if (bytes[0] !== 0xa5 || length < STREAMING_HEAD_BYTES) throw new Error(`magic ${bytes[0]}, length ${length}`)
    if (bytes.length < length) return null
    const frame = {
      type: bytes[1] as MessageType,
      id: bytes.readUInt32BE(8),
      stream: bytes.readUInt32BE(12),
      isError: bytes[2] !== 0,
      isLast: ((bytes[3] as number) & 1) === 0,
      body: bytes.subarray(STREAMING_HEAD_BYTES, length),
    }
    return { frame, length }
  },
  garbage: Buffer.alloc(STREAMING_HEAD_BYTES, 0x5a),
}

/** The same frames, of which the proxy believes that their ids mean nothing and their order everything. */
const ordered: Wire = {
  ...typed,
  name: 'ordered',
  kinds: ['oneway', 'oneway', 'heartbeat'],
  definition: { ...streaming, name: 'meltemi.sim.ordered', correlation: 'order' },
}

/** Streams of several clients share a connection, because each can be ended alone. */
const shared: Wire = {
  ...typed,
  name: 'shared-streams',
  definition: { ...streaming, name: 'meltemi.sim.shared-streams', create: createShared },
}

function createShared(side: Side, config: unknown): Codec {
  const codec = streaming.create(side, config)
  codec.resetStream = (opened, stream, out) => {
    const id = Number(opened.requestId)
    out.bytes(streamingFrame({ type: MessageType.StreamCloseTwoWay, id, stream, body: resetBody(opened) }))
  }
  return codec
}

/** The service of the simulation wants to know whose stream it is. */
function resetBody(opened: Metadata): Buffer {
  return opened.message.subarray(opened.headerSize)
}

export const SMALL_WIRES: readonly Wire[] = [plain, typed, ordered, shared]

/** Cuts what arrives into messages. */
export class FrameReader {
  readonly #wire: Wire
  readonly #from: 'client' | 'service'
  /** Unread bytes are the first `#length` ones. */
  #window: Buffer = Buffer.alloc(0)
  #length = 0

  constructor(wire: Wire, from: 'client' | 'service') {
    this.#wire = wire
    this.#from = from
  }

  read(chunk: Buffer): Frame[] {
    let rest = this.#append(chunk)
    const frames: Frame[] = []
    for (let next = this.#wire.read(rest, this.#from); next !== null; next = this.#wire.read(rest, this.#from)) {
      frames.push(next.frame)
      rest = rest.subarray(next.length)
    }
    // the frames keep the window they lie in
    if (frames.length > 0) this.#window = rest
    this.#length = rest.length
    return frames
  }

  #append(chunk: Buffer): Buffer {
    if (this.#length === 0) {
      this.#window = chunk
      return chunk
    }
    const length = this.#length + chunk.length
    if (length > this.#window.length) {
      const larger = Buffer.allocUnsafe(2 * length)
      this.#window.copy(larger, 0, 0, this.#length)
      this.#window = larger
    }
    chunk.copy(this.#window, this.#length)
    return this.#window.subarray(0, length)
  }
}
