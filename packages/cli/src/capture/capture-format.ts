import type { ReceiveBuffer } from '@meltemi/sdk'
import type { CapturedPacket } from './captured-packet.ts'

export interface CaptureFormat {
  /** Takes the next packet from the file's bytes; undefined: more are needed. Throws ProtocolError for bytes that are none. */
  next(buffer: ReceiveBuffer): CapturedPacket | undefined
}
