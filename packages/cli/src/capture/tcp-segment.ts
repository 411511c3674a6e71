import type { Arrival, CapturedPacket } from './captured-packet.ts'
import { readIp } from './ip-packet.ts'
import { LeftOut } from './left-out.ts'
import { findIp, isKnownLinkType } from './link-layer.ts'

/** One TCP segment, as far as it was captured. Checksums are not verified: network cards often write them later. */
export interface TcpSegment extends Arrival {
  /** Address and port of the sender, as latin1 bytes: short to compare, see `formatEndpoint`. */
  readonly source: string
  readonly destination: string
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence: number
  /** undefined: it acknowledges nothing. */
  readonly acknowledgement: number | undefined
  readonly isSyn: boolean
  readonly isFin: boolean
  readonly isReset: boolean
  /** A view of the file's bytes. */
  readonly payload: Buffer
  /** Bytes at the end of the payload that were sent but not captured. */
  readonly missing: number
}

const TCP = 6
const AT = { source: 0, destination: 2, ports: 4, sequence: 4, acknowledgement: 8, offset: 12, flags: 13 } as const
const FLAG = { fin: 0x01, syn: 0x02, reset: 0x04, acknowledgement: 0x10 } as const
const HEADER_BYTES = 20

/** The segment that a packet carries, or why there is none to look at. */
export function readSegment(packet: CapturedPacket): TcpSegment | LeftOut {
  const { bytes, originalLength } = packet
  if (!isKnownLinkType(packet.linkType)) return LeftOut.LinkType
  const ipAt = findIp(packet.linkType, bytes)
  if (ipAt < 0) return LeftOut.NotIp
  const ip = readIp(bytes, ipAt, originalLength)
  if (typeof ip === 'string') return ip
  if (ip.protocol !== TCP) return LeftOut.NotTcp
  const { start, end } = ip
  if (start + HEADER_BYTES > bytes.length) return LeftOut.CutOff
  const payloadAt = start + ((bytes[start + AT.offset] as number) >> 4) * 4
  if (payloadAt < start + HEADER_BYTES || payloadAt > end) return LeftOut.Malformed
  const capturedEnd = Math.max(payloadAt, Math.min(end, bytes.length))
  const flags = bytes[start + AT.flags] as number
  return {
    packet: packet.number,
    timeNs: packet.timeNs,
    source: ip.source + bytes.toString('latin1', start + AT.source, start + AT.destination),
    destination: ip.destination + bytes.toString('latin1', start + AT.destination, start + AT.ports),
    sourcePort: bytes.readUInt16BE(start + AT.source),
    destinationPort: bytes.readUInt16BE(start + AT.destination),
    sequence: bytes.readUInt32BE(start + AT.sequence),
    acknowledgement: (flags & FLAG.acknowledgement) === 0 ? undefined : bytes.readUInt32BE(start + AT.acknowledgement),
    isSyn: (flags & FLAG.syn) !== 0,
    isFin: (flags & FLAG.fin) !== 0,
    isReset: (flags & FLAG.reset) !== 0,
    payload: bytes.subarray(payloadAt, capturedEnd),
    missing: end - capturedEnd,
  }
}
