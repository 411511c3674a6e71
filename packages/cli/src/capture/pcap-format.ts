/**
 * The classic file of libpcap. Its magic number, a1b2c3d4 or a1b23c4d, tells the byte order and the unit of fractions.
 *
 *   file     | magic u32 | version u16 u16 | zone i32 | digits u32 | snap length u32 | link type u32 |
 *   packet   | seconds u32 | fraction u32 | captured u32 | original u32 | captured bytes … |
 */

import { ProtocolError, type ReceiveBuffer } from '@meltemi/sdk'
import type { ByteOrder } from './byte-order.ts'
import type { CaptureFormat } from './capture-format.ts'
import type { CapturedPacket } from './captured-packet.ts'
import { isKnownLinkType, KNOWN_LINK_TYPES } from './link-layer.ts'

const FILE_HEADER_BYTES = 24
const FILE_LINK_TYPE_AT = 20
const PACKET_HEADER_BYTES = 16
const AT = { seconds: 0, fraction: 4, captured: 8, original: 12 } as const
/** Above them are flags, about a checksum at the end of the frame. */
const LINK_TYPE_BITS = 0xffff
const NS_PER_S = 1_000_000_000n

export class PcapFormat implements CaptureFormat {
  readonly #order: ByteOrder
  readonly #nsPerFraction: number
  #linkType = -1
  #packets = 0

  constructor(order: ByteOrder, nsPerFraction: number) {
    this.#order = order
    this.#nsPerFraction = nsPerFraction
  }

  next(buffer: ReceiveBuffer): CapturedPacket | undefined {
    if (this.#linkType < 0 && !this.#readFileHeader(buffer)) return undefined
    if (!buffer.has(PACKET_HEADER_BYTES)) return undefined
    const order = this.#order
    const length = PACKET_HEADER_BYTES + order.peekU32(buffer, AT.captured)
    if (!buffer.has(length)) return undefined
    const record = buffer.take(length)
    const fractionNs = order.u32(record, AT.fraction) * this.#nsPerFraction
    return {
      number: ++this.#packets,
      timeNs: BigInt(order.u32(record, AT.seconds)) * NS_PER_S + BigInt(fractionNs),
      linkType: this.#linkType,
      bytes: record.subarray(PACKET_HEADER_BYTES),
      originalLength: order.u32(record, AT.original),
    }
  }

  #readFileHeader(buffer: ReceiveBuffer): boolean {
    if (!buffer.has(FILE_HEADER_BYTES)) return false
    const linkType = this.#order.peekU32(buffer, FILE_LINK_TYPE_AT) & LINK_TYPE_BITS
    if (!isKnownLinkType(linkType)) {
      throw new ProtocolError(`packets of link type ${linkType} cannot be read, only those of ${KNOWN_LINK_TYPES}`)
    }
    buffer.take(FILE_HEADER_BYTES)
    this.#linkType = linkType
    return true
  }
}
