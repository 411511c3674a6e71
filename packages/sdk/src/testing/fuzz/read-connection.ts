/** Reads a connection as the proxy does, and holds `decode` to its contract while it does. */

import type { Codec, CodecDefinition } from '../../codec.ts'
import { DecodeStatus, MessageType, Metadata, ReceiveBuffer } from '../../index.ts'
import { isProtocolError } from '../sample.ts'
import { calling, exceptionFault, Fault } from './fault.ts'
import type { FuzzInput } from './fuzz-input.ts'
import type { Watch } from './watch.ts'

/** Lengths above this are refused, so that inputs which announce much do not wait for it. */
export const MAX_MESSAGE_BYTES = 1024 * 1024

/** What came of the bytes of a connection. */
export interface Reading {
  readonly messages: readonly Metadata[]
  /** What ProtocolError ended it; undefined: it waits for more. */
  readonly refusal: string | undefined
  /** Bytes that wait. */
  readonly left: number
}

export interface ConnectionOptions {
  /** Empty when it starts. */
  readonly buffer?: ReceiveBuffer
  /** Of that buffer. */
  readonly watch?: Watch
}

/** A connection with a new codec. Its methods throw a Fault for a broken contract. */
export class Connection implements Reading {
  readonly codec: Codec
  readonly messages: Metadata[] = []
  refusal: string | undefined
  readonly #buffer: ReceiveBuffer
  readonly #watch: Watch | undefined
  readonly #type: MessageType

  constructor(
    definition: CodecDefinition,
    { side, config }: Pick<FuzzInput, 'side' | 'config'>,
    options: ConnectionOptions = {},
  ) {
    this.codec = calling('create', () => definition.create(side, config))
    this.#buffer = options.buffer ?? new ReceiveBuffer(MAX_MESSAGE_BYTES)
    this.#watch = options.watch
    this.#type = side === 'downstream' ? MessageType.Request : MessageType.Response
  }

  get left(): number {
    return this.#buffer.length
  }

  /** Reads what is whole; after a refusal nothing more. */
  push(chunk: Buffer): void {
    if (this.refusal !== undefined) return
    this.#buffer.append(chunk)
    while (this.#buffer.isReady && this.#tryDecode());
  }

  #tryDecode(): boolean {
    const buffer = this.#buffer
    const metadata = new Metadata(this.#type)
    if (this.#watch?.sights !== undefined) watchSlices(this.#watch, metadata)
    const before = buffer.length
    let status: DecodeStatus
    try {
      status = this.codec.decode(buffer, metadata)
    } catch (error: unknown) {
      if (!isProtocolError(error)) throw error instanceof Fault ? error : exceptionFault('decode', error)
      this.refusal = (error as Error).message
      return false
    }
    checkConsumed(status, metadata, before - buffer.length)
    if (status === DecodeStatus.WaitForData) buffer.wait()
    else this.messages.push(metadata)
    return status === DecodeStatus.Done
  }
}

/** What a new codec makes of these chunks. Throws a Fault for a broken contract. */
export function readConnection(
  definition: CodecDefinition,
  input: Pick<FuzzInput, 'side' | 'config'>,
  chunks: readonly Buffer[],
  options: ConnectionOptions = {},
): Connection {
  const connection = new Connection(definition, input, options)
  for (const chunk of chunks) connection.push(chunk)
  return connection
}

function checkConsumed(status: DecodeStatus, { message }: Metadata, consumed: number): void {
  if (status === DecodeStatus.WaitForData) {
    if (consumed > 0) throw new Fault('waiting', 'decode waits for data but has consumed bytes', `${consumed} bytes`)
    return
  }
  if (status !== DecodeStatus.Done) throw new Fault('facts', `decode returned ${String(status)}`)
  if (consumed === 0) throw new Fault('waiting', 'decode is done but has consumed nothing: it would never end')
  if (message.length === consumed) return
  const sizes = `${consumed} bytes are gone, metadata.message has ${message.length}`
  throw new Fault('facts', 'metadata.message is not what decode has consumed', sizes)
}

function watchSlices(watch: Watch, metadata: Metadata): void {
  const { base } = watch
  const { setSlice } = metadata
  metadata.setSlice = (key, start, end) => {
    watch.text(base + start, base + end)
    setSlice.call(metadata, key, start, end)
  }
}
