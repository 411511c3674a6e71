/**
 * The block-structured file of Wireshark and dumpcap. Each section tells its own byte order and interfaces.
 *
 *   block                | type u32 | length of all u32 | body … | length of all u32 |      padded to 4 bytes
 *   section header       0a0d0d0a: | 1a2b3c4d | version u16 u16 | section length i64 | options …
 *   interface            1: | link type u16 | – u16 | snap length u32 | options …
 *   packet, obsolete     2: | interface u16 | drops u16 | then as in 6
 *   simple packet        3: | original u32 | bytes …                                        of interface 0, no time
 *   enhanced packet      6: | interface u32 | time u32 u32 | captured u32 | original u32 | bytes … | options …
 *   option               | code u16 | length u16 | value … |                             padded to 4 bytes
 *
 * All other blocks are passed over.
 */

import { ProtocolError, type ReceiveBuffer } from '@meltemi/sdk'
import { type ByteOrder, bigEndian, littleEndian } from './byte-order.ts'
import type { CaptureFormat } from './capture-format.ts'
import type { CapturedPacket } from './captured-packet.ts'

export const PCAPNG_MAGIC = 0x0a0d0d0a
const BYTE_ORDER_MAGIC = 0x1a2b3c4d
const BLOCK = { interface: 1, packet: 2, simplePacket: 3, enhancedPacket: 6 } as const
const OPTION = { end: 0, timeUnit: 9, timeOffset: 14 } as const
/** Positions from the start of a block. */
const AT = { length: 4, body: 8, order: 8, snapLength: 12, options: 16, simpleBytes: 12, time: 12, bytes: 28 } as const
const TRAILER_BYTES = 4
const SECTION_HEADER_BYTES = 28
const INTERFACE_BYTES = 20
const SIMPLE_PACKET_BYTES = 16
const PACKET_BYTES = 32
const MAX_INTERFACES = 4096
const NS_PER_S = 1_000_000_000n

interface CaptureInterface {
  readonly linkType: number
  /** 0: unlimited. */
  readonly snapLength: number
  readonly toNs: (ticks: bigint) => bigint
}

export class PcapngFormat implements CaptureFormat {
  #order: ByteOrder = bigEndian
  #interfaces: CaptureInterface[] = []
  #packets = 0

  next(buffer: ReceiveBuffer): CapturedPacket | null | undefined {
    const block = this.#takeBlock(buffer)
    return block === undefined ? undefined : this.#readBlock(block)
  }

  #takeBlock(buffer: ReceiveBuffer): Buffer | undefined {
    if (!buffer.has(AT.order + 4)) return undefined
    // the byte order of a section holds for the length of its first block too
    if (buffer.u32(0) === PCAPNG_MAGIC) this.#beginSection(buffer)
    const length = this.#order.peekU32(buffer, AT.length)
    if (length < AT.body + TRAILER_BYTES || length % 4 !== 0) throw new ProtocolError(`a block of ${length} bytes`)
    if (!buffer.has(length)) return undefined
    const block = buffer.take(length)
    const trailer = this.#order.u32(block, length - TRAILER_BYTES)
    if (trailer !== length) throw new ProtocolError(`a block of ${length} bytes ends as one of ${trailer}`)
    return block
  }

  #beginSection(buffer: ReceiveBuffer): void {
    const order = [bigEndian, littleEndian].find((one) => one.peekU32(buffer, AT.order) === BYTE_ORDER_MAGIC)
    if (order === undefined) throw new ProtocolError('a section header without its byte-order magic')
    this.#order = order
    this.#interfaces = []
  }

  #readBlock(block: Buffer): CapturedPacket | null {
    const type = this.#order.u32(block, 0)
    if (type === PCAPNG_MAGIC) requireLength(block, SECTION_HEADER_BYTES, 'section header')
    else if (type === BLOCK.interface) this.#addInterface(block)
    else if (type === BLOCK.simplePacket) return this.#simplePacket(block)
    else if (type === BLOCK.enhancedPacket) return this.#packet(block, this.#order.u32)
    else if (type === BLOCK.packet) return this.#packet(block, this.#order.u16)
    return null
  }

  #addInterface(block: Buffer): void {
    requireLength(block, INTERFACE_BYTES, 'interface')
    if (this.#interfaces.length === MAX_INTERFACES) {
      throw new ProtocolError(`a section with more than ${MAX_INTERFACES} interfaces`)
    }
    this.#interfaces.push({
      linkType: this.#order.u16(block, AT.body),
      snapLength: this.#order.u32(block, AT.snapLength),
      toNs: readTimeUnit(block, this.#order),
    })
  }

  #packet(block: Buffer, readInterface: (bytes: Buffer, at: number) => number): CapturedPacket {
    requireLength(block, PACKET_BYTES, 'packet')
    const order = this.#order
    const from = this.#interface(readInterface(block, AT.body))
    const captured = order.u32(block, AT.time + 8)
    if (AT.bytes + captured + TRAILER_BYTES > block.length) {
      throw new ProtocolError(`a packet of ${captured} bytes in a block of ${block.length}`)
    }
    const ticks = (BigInt(order.u32(block, AT.time)) << 32n) | BigInt(order.u32(block, AT.time + 4))
    return {
      number: ++this.#packets,
      timeNs: from.toNs(ticks),
      linkType: from.linkType,
      bytes: block.subarray(AT.bytes, AT.bytes + captured),
      originalLength: order.u32(block, AT.time + 12),
    }
  }

  #simplePacket(block: Buffer): CapturedPacket {
    requireLength(block, SIMPLE_PACKET_BYTES, 'simple packet')
    const { linkType, snapLength } = this.#interface(0)
    const originalLength = this.#order.u32(block, AT.body)
    const room = block.length - SIMPLE_PACKET_BYTES
    const captured = Math.min(originalLength, room, snapLength === 0 ? room : snapLength)
    const bytes = block.subarray(AT.simpleBytes, AT.simpleBytes + captured)
    return { number: ++this.#packets, timeNs: undefined, linkType, bytes, originalLength }
  }

  #interface(number: number): CaptureInterface {
    const found = this.#interfaces[number]
    if (found === undefined) throw new ProtocolError(`a packet of interface ${number}, which has not been described`)
    return found
  }
}

/** How ticks become nanoseconds: by default they are microseconds since 1970. */
function readTimeUnit(block: Buffer, order: ByteOrder): (ticks: bigint) => bigint {
  let perSecond = 1_000_000n
  let offsetNs = 0n
  for (const { code, value } of readOptions(block, order)) {
    if (code === OPTION.timeUnit && value.length === 1) perSecond = ticksPerSecond(value.readUInt8(0))
    if (code === OPTION.timeOffset && value.length === 8) {
      const [first, second] = [order.u32(value, 0), order.u32(value, 4)]
      const [high, low] = order === bigEndian ? [first, second] : [second, first]
      offsetNs = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)) * NS_PER_S
    }
  }
  return (ticks) => (ticks * NS_PER_S) / perSecond + offsetNs
}

/** The highest bit says of the others whether they are a power of two or of ten. */
function ticksPerSecond(unit: number): bigint {
  const power = BigInt(unit & 0x7f)
  return unit > 0x7f ? 1n << power : 10n ** power
}

function readOptions(block: Buffer, order: ByteOrder): { code: number; value: Buffer }[] {
  const options: { code: number; value: Buffer }[] = []
  const end = block.length - TRAILER_BYTES
  for (let at = AT.options; at + 4 <= end; ) {
    const code = order.u16(block, at)
    const length = order.u16(block, at + 2)
    if (code === OPTION.end) break
    if (at + 4 + length > end) throw new ProtocolError(`an option of ${length} bytes leaves its block`)
    options.push({ code, value: block.subarray(at + 4, at + 4 + length) })
    at += 4 + length + (-length & 3)
  }
  return options
}

function requireLength(block: Buffer, least: number, what: string): void {
  if (block.length < least) throw new ProtocolError(`a ${what} block of ${block.length} bytes, ${least} are the least`)
}
