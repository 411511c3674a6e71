import type { ReceiveBuffer } from '@meltemi/sdk'
import type { CapturedPacket } from './captured-packet.ts'

export interface CaptureFormat {
  /**
   * Takes the next packet from the file's bytes; null: something else has been taken; undefined: more are needed.
   * Throws ProtocolError for bytes that are neither.
   */
  next(buffer: ReceiveBuffer): CapturedPacket | null | undefined
}
