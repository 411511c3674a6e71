/** Reads a connection as the proxy does, and holds `decode` to its contract while it does. */

import type { Codec, CodecDefinition } from '../../codec.ts'
import { DecodeStatus, MessageType, Metadata, ReceiveBuffer } from '../../index.ts'
import { isProtocolError } from '../sample.ts'
import { calling, exceptionFault, Fault } from './fault.ts'
import type { FuzzInput } from './fuzz-input.ts'
import type { Watch } from './watch.ts'

/** Lengths above this are refused, so that inputs which announce much do not wait for it. */
export const MAX_MESSAGE_BYTES = 1024 * 1024

export interface Reading {
  readonly messages: readonly Metadata[]
  /** What ProtocolError ended it; undefined: it waits for more. */
  readonly refusal: string | undefined
  /** Bytes that wait. */
  readonly left: number
}

export interface ReadingOptions {
  /** Empty when it starts. */
  readonly buffer?: ReceiveBuffer
  /** Of that buffer. */
  readonly watch?: Watch
  /** Where the messages go, for who wants those before a Fault. */
  readonly messages?: Metadata[]
}

/** What a new codec makes of these chunks. Throws a Fault for a broken contract. */
export function readConnection(
  definition: CodecDefinition,
  input: Pick<FuzzInput, 'side' | 'config'>,
  chunks: readonly Buffer[],
  options: ReadingOptions = {},
): Reading {
  const { buffer = new ReceiveBuffer(MAX_MESSAGE_BYTES), watch, messages = [] } = options
  const codec = calling('create', () => definition.create(input.side, input.config))
  const type = input.side === 'downstream' ? MessageType.Request : MessageType.Response
  for (const chunk of chunks) {
    buffer.append(chunk)
    while (buffer.isReady) {
      const metadata = new Metadata(type)
      if (watch?.sights !== undefined) watchSlices(watch, metadata)
      const verdict = tryDecode(codec, buffer, metadata)
      if (verdict === 'waits') break
      if (verdict !== 'done') return { messages, refusal: verdict.refusal, left: buffer.length }
      messages.push(metadata)
    }
  }
  return { messages, refusal: undefined, left: buffer.length }
}

function tryDecode(codec: Codec, buffer: ReceiveBuffer, metadata: Metadata): 'done' | 'waits' | { refusal: string } {
  const before = buffer.length
  let status: DecodeStatus
  try {
    status = codec.decode(buffer, metadata)
  } catch (error: unknown) {
    if (isProtocolError(error)) return { refusal: (error as Error).message }
    throw error instanceof Fault ? error : exceptionFault('decode', error)
  }
  const consumed = before - buffer.length
  if (status === DecodeStatus.WaitForData) {
    if (consumed > 0) throw new Fault('waiting', 'decode waits for data but has consumed bytes', `${consumed} bytes`)
    buffer.wait()
    return 'waits'
  }
  if (status !== DecodeStatus.Done) throw new Fault('facts', `decode returned ${String(status)}`)
  if (consumed === 0) throw new Fault('waiting', 'decode is done but has consumed nothing: it would never end')
  if (metadata.message.length !== consumed) {
    const sizes = `${consumed} bytes are gone, metadata.message has ${metadata.message.length}`
    throw new Fault('facts', 'metadata.message is not what decode has consumed', sizes)
  }
  return 'done'
}

function watchSlices(watch: Watch, metadata: Metadata): void {
  const { base } = watch
  const { setSlice } = metadata
  metadata.setSlice = (key, start, end) => {
    watch.text(base + start, base + end)
    setSlice.call(metadata, key, start, end)
  }
}
