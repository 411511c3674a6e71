import {
  ByteWriter,
  type Codec,
  type CodecDefinition,
  MessageType,
  Metadata,
  ReceiveBuffer,
  ResponseStatus,
} from '@meltemi/sdk'
import { tryDecode } from '../../net/try-decode.ts'
import type { Conversation, ProbeProtocol } from './probe.ts'

/** An answer to "are you well?" is short; what is longer is not one. */
const MAX_ANSWER_BYTES = 1024 * 1024
const MAX_ID = 0x7fff_ffff

/** The codec asks, in its own protocol: healthy is an answer without an error. */
export class CodecCheck implements ProbeProtocol {
  readonly #findCodec: () => CodecDefinition | undefined
  readonly #options: unknown

  /** `findCodec`: the version of it that runs now. */
  constructor(findCodec: () => CodecDefinition | undefined, options: unknown) {
    this.#findCodec = findCodec
    this.#options = options
  }

  connect(): Conversation {
    return new CodecConversation(this.#findCodec(), this.#options)
  }
}

class CodecConversation implements Conversation {
  readonly needsNoAnswer = false
  readonly #definition: CodecDefinition | undefined
  readonly #options: unknown
  readonly #received = new ReceiveBuffer(MAX_ANSWER_BYTES)
  readonly #writer = new ByteWriter()
  #codec: Codec | undefined
  #id = 0
  /** The service speaks first. */
  #isGreeted: boolean

  constructor(definition: CodecDefinition | undefined, options: unknown) {
    this.#definition = definition
    this.#options = options
    this.#isGreeted = definition?.greeting === undefined
  }

  ask(): readonly Buffer[] {
    const codec = this.#make()
    if (codec.healthCheck === undefined) throw new Error('the codec has no health check')
    this.#id = this.#id === MAX_ID ? 1 : this.#id + 1
    codec.healthCheck(this.#id, this.#writer)
    return this.#writer.flush()
  }

  answer(chunk: Buffer): 'healthy' | 'unhealthy' | undefined {
    const codec = this.#make()
    this.#received.append(chunk)
    let found: 'healthy' | 'unhealthy' | undefined
    while (this.#received.isReady) {
      const message = new Metadata(MessageType.Response)
      if (!tryDecode(codec, this.#received, message)) break
      found ??= this.#read(message)
    }
    this.#received.compact()
    return found
  }

  #make(): Codec {
    if (this.#definition === undefined) throw new Error('there is no such codec')
    this.#codec ??= this.#definition.create('upstream', this.#options)
    return this.#codec
  }

  /** What is no answer to what was asked is passed over: a service may say something of its own. */
  #read(message: Metadata): 'healthy' | 'unhealthy' | undefined {
    const { type, status } = message
    if (!this.#isGreeted) {
      this.#isGreeted = true
      return undefined
    }
    const isReply = type === MessageType.Response || type === MessageType.Error || type === MessageType.Heartbeat
    const isOurs = this.#definition?.correlation === 'order' || message.requestId === this.#id
    if (!isReply || !isOurs || !message.last) return undefined
    return status === ResponseStatus.Ok && type !== MessageType.Error ? 'healthy' : 'unhealthy'
  }
}
