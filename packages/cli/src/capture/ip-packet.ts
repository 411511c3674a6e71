/** Finds what an IP packet carries: behind IPv4 options, behind IPv6 extension headers. */

import { LeftOut } from './left-out.ts'

export interface IpPacket {
  /** The bytes of the addresses, as latin1: short to compare. */
  readonly source: string
  readonly destination: string
  /** Of what it carries: 6 is TCP. */
  readonly protocol: number
  /** Where that begins, and where it ends or would end had all been captured. */
  readonly start: number
  readonly end: number
}

const IPV4_HEADER_BYTES = 20
const IPV6_HEADER_BYTES = 40
const V4 = { length: 2, fragment: 6, protocol: 9, source: 12, destination: 16, end: 20 } as const
const V6 = { length: 4, next: 6, source: 8, destination: 24, end: 40 } as const
/** More fragments, and the place of this one. */
const V4_FRAGMENT_BITS = 0x3fff
const V6_FRAGMENT_BITS = 0xfff9
const NEXT = { hopByHop: 0, routing: 43, fragment: 44, authentication: 51, destination: 60, mobility: 135 } as const
const EXTENSIONS: readonly number[] = Object.values(NEXT)
/** At least; a fragment header always. */
const EXTENSION_BYTES = 8

/** `start`: where the packet begins in `bytes`; `originalLength`: how many there were before they were cut off. */
export function readIp(bytes: Buffer, start: number, originalLength: number): IpPacket | LeftOut {
  if (start >= bytes.length) return LeftOut.CutOff
  const version = (bytes[start] as number) >> 4
  if (version === 4) return readIpv4(bytes, start, originalLength)
  return version === 6 ? readIpv6(bytes, start, originalLength) : LeftOut.NotIp
}

function readIpv4(bytes: Buffer, start: number, originalLength: number): IpPacket | LeftOut {
  if (start + IPV4_HEADER_BYTES > bytes.length) return LeftOut.CutOff
  const headerBytes = ((bytes[start] as number) & 0x0f) * 4
  // 0: the network card was to split it, and would have written the length
  const length = bytes.readUInt16BE(start + V4.length) || originalLength - start
  if (headerBytes < IPV4_HEADER_BYTES || length < headerBytes) return LeftOut.Malformed
  if ((bytes.readUInt16BE(start + V4.fragment) & V4_FRAGMENT_BITS) !== 0) return LeftOut.Fragment
  return {
    source: bytes.toString('latin1', start + V4.source, start + V4.destination),
    destination: bytes.toString('latin1', start + V4.destination, start + V4.end),
    protocol: bytes[start + V4.protocol] as number,
    start: start + headerBytes,
    end: start + length,
  }
}

function readIpv6(bytes: Buffer, start: number, originalLength: number): IpPacket | LeftOut {
  if (start + IPV6_HEADER_BYTES > bytes.length) return LeftOut.CutOff
  const payloadBytes = bytes.readUInt16BE(start + V6.length)
  // 0: a jumbo packet, or one that the network card was to split
  const end = payloadBytes === 0 ? originalLength : start + IPV6_HEADER_BYTES + payloadBytes
  const payload = skipExtensions(bytes, start + IPV6_HEADER_BYTES, bytes[start + V6.next] as number)
  if (typeof payload === 'string') return payload
  return {
    source: bytes.toString('latin1', start + V6.source, start + V6.destination),
    destination: bytes.toString('latin1', start + V6.destination, start + V6.end),
    ...payload,
    end,
  }
}

/** Every header that is passed over moves on by eight bytes at least. */
function skipExtensions(bytes: Buffer, at: number, next: number): { protocol: number; start: number } | LeftOut {
  while (EXTENSIONS.includes(next)) {
    if (at + EXTENSION_BYTES > bytes.length) return LeftOut.CutOff
    if (next === NEXT.fragment && (bytes.readUInt16BE(at + 2) & V6_FRAGMENT_BITS) !== 0) return LeftOut.Fragment
    const size = extensionBytes(next, bytes[at + 1] as number)
    next = bytes[at] as number
    at += size
  }
  return { protocol: next, start: at }
}

function extensionBytes(header: number, length: number): number {
  if (header === NEXT.fragment) return EXTENSION_BYTES
  return header === NEXT.authentication ? (length + 2) * 4 : (length + 1) * 8
}
