import { type Codec, DecodeStatus, MessageType, Metadata, type ReceiveBuffer, type Side } from '@meltemi/sdk'

/**
 * The next message of a connection, as the proxy would read it; undefined: its end has not come. Throws what the codec
 * throws, and an Error when the codec breaks its contract.
 */
export function tryDecodeMessage(codec: Codec, side: Side, buffer: ReceiveBuffer): Metadata | undefined {
  const before = buffer.length
  const metadata = new Metadata(side === 'downstream' ? MessageType.Request : MessageType.Response)
  const status = codec.decode(buffer, metadata)
  if (status === DecodeStatus.WaitForData) {
    if (buffer.length !== before) throw new Error('decode waits for data, but has taken some')
    buffer.wait()
    return undefined
  }
  if (status !== DecodeStatus.Done) throw new Error(`decode should return a DecodeStatus, and returned ${status}`)
  if (buffer.length === before) throw new Error('decode says that it is done, but has taken no bytes')
  return metadata
}

/** Why a codec could not go on, in one line; what is not a ProtocolError is a fault of the codec. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `the codec has thrown ${JSON.stringify(error) ?? String(error)}`
  return error.name === 'ProtocolError' ? error.message : `the codec has thrown ${error.name}: ${error.message}`
}
