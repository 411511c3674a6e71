/** Writes capture files for tests. */

export interface Frame {
  readonly bytes: Buffer
  /** Captured bytes, when not all. */
  readonly snapLength?: number
  /** undefined: one millisecond after the other, from 2001-09-09T01:46:40Z. */
  readonly timeNs?: bigint
}

export const START_NS = 1_000_000_000_000_000_000n

export interface PcapOptions {
  readonly order?: 'big' | 'little'
  readonly nanoseconds?: boolean
  readonly linkType?: number
}

export function pcapFile(frames: readonly Frame[], options: PcapOptions = {}): Buffer {
  const { order = 'little', nanoseconds = false, linkType = 1 } = options
  const u32 = (...values: readonly number[]): Buffer => numbers(order, values)
  const head = u32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, order === 'little' ? 0x00040002 : 0x00020004, 0, 0, 262_144)
  const packets = frames.flatMap((frame, index) => {
    const timeNs = timeOf(frame, index)
    const fraction = Number(timeNs % 1_000_000_000n)
    const bytes = captured(frame)
    return [
      u32(
        Number(timeNs / 1_000_000_000n),
        nanoseconds ? fraction : Math.floor(fraction / 1000),
        bytes.length,
        frame.bytes.length,
      ),
      bytes,
    ]
  })
  return Buffer.concat([head, u32(linkType), ...packets])
}

export interface PcapngOptions {
  readonly order?: 'big' | 'little'
  readonly linkType?: number
  /** The value of if_tsresol. */
  readonly timeUnit?: number
  /** The value of if_tsoffset, in seconds. */
  readonly timeOffset?: bigint
  readonly block?: 'enhanced' | 'simple' | 'obsolete'
  readonly snapLength?: number
  /** Put between the packets. */
  readonly unknownBlocks?: boolean
}

/** One section; several in a row are a file too. */
export function pcapngFile(frames: readonly Frame[], options: PcapngOptions = {}): Buffer {
  const { order = 'little', linkType = 1, timeUnit, timeOffset, snapLength = 0 } = options
  const u32 = (...values: readonly number[]): Buffer => numbers(order, values)
  const block = (type: number, ...body: readonly Buffer[]): Buffer => {
    const bytes = padded(Buffer.concat(body))
    return Buffer.concat([u32(type, bytes.length + 12), bytes, u32(bytes.length + 12)])
  }
  const option = (code: number, value: Buffer): Buffer => {
    const head = order === 'little' ? u32((value.length << 16) | code) : u32((code << 16) | value.length)
    return Buffer.concat([head, padded(value)])
  }
  const options_ = [
    option(2, Buffer.from('lo0')),
    ...(timeUnit === undefined ? [] : [option(9, Buffer.of(timeUnit))]),
    ...(timeOffset === undefined ? [] : [option(14, i64(order, timeOffset))]),
    u32(0),
  ]
  const types = order === 'little' ? u32(linkType) : u32(linkType << 16)
  const packets = frames.flatMap((frame, index) => {
    const ticks = ticksOf(timeOf(frame, index), timeUnit ?? 6, timeOffset ?? 0n)
    const time = u32(Number(ticks >> 32n), Number(ticks & 0xffff_ffffn))
    const bytes = captured(frame)
    const sizes = u32(bytes.length, frame.bytes.length)
    const unknown = options.unknownBlocks ? [block(0x0bad, Buffer.from('who knows'))] : []
    if (options.block === 'simple') return [...unknown, block(3, u32(frame.bytes.length), bytes)]
    if (options.block === 'obsolete') return [...unknown, block(2, u32(0), time, sizes, bytes)]
    return [
      ...unknown,
      block(6, u32(0), time, sizes, bytes, padding(bytes), option(1, Buffer.from('a comment')), u32(0)),
    ]
  })
  const version = order === 'little' ? 1 : 1 << 16
  return Buffer.concat([
    block(0x0a0d0d0a, u32(0x1a2b3c4d, version, 0xffffffff, 0xffffffff)),
    block(1, types, u32(snapLength), ...options_),
    ...packets,
  ])
}

function captured({ bytes, snapLength }: Frame): Buffer {
  return bytes.subarray(0, snapLength)
}

function timeOf({ timeNs }: Frame, index: number): bigint {
  return timeNs ?? START_NS + BigInt(index) * 1_000_000n
}

function ticksOf(timeNs: bigint, unit: number, offset: bigint): bigint {
  const perSecond = unit > 0x7f ? 1n << BigInt(unit & 0x7f) : 10n ** BigInt(unit)
  return ((timeNs - offset * 1_000_000_000n) * perSecond) / 1_000_000_000n
}

function numbers(order: 'big' | 'little', values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) {
    if (order === 'big') bytes.writeUInt32BE(value >>> 0, 4 * index)
    else bytes.writeUInt32LE(value >>> 0, 4 * index)
  }
  return bytes
}

function i64(order: 'big' | 'little', value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  if (order === 'big') bytes.writeBigInt64BE(value)
  else bytes.writeBigInt64LE(value)
  return bytes
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, padding(bytes)])
}

function padding(bytes: Buffer): Buffer {
  return Buffer.alloc(-bytes.length & 3)
}
