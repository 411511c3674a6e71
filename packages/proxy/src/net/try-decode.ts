import { type Codec, DecodeStatus, type Metadata, type ReceiveBuffer } from '@meltemi/sdk'

/**
 * Whether a whole message was there. False: decode is not to be called before the bytes it asked for are here. Throws
 * what the codec throws, and an Error for a codec that takes nothing and would so be asked for ever.
 */
export function tryDecode(codec: Codec, received: ReceiveBuffer, message: Metadata): boolean {
  const before = received.length
  const status = codec.decode(received, message)
  if (status === DecodeStatus.WaitForData) {
    received.wait()
    return false
  }
  if (status !== DecodeStatus.Done) throw new Error(`decode should return a DecodeStatus, and returned ${status}`)
  if (received.length === before) throw new Error('decode says that it is done, but has taken no bytes')
  return true
}
