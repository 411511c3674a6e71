/** Builds packets for tests, layer by layer, from the inside out. */

export interface Segment {
  readonly from: 'client' | 'server'
  readonly sequence: number
  readonly acknowledgement?: number
  readonly flags: number
  readonly payload: Buffer
}

export const FIN = 1
export const SYN = 2
export const RST = 4
export const ACK = 16

export const CLIENT = { v4: [10, 0, 0, 1], v6: '20010db8000000000000000000000001', port: 40_000 } as const
export const SERVER = { v4: [10, 0, 0, 2], v6: '20010db8000000000000000000000002', port: 9090 } as const

/** A TCP header with two no-ops and an end as options, and the payload. */
export function tcp(segment: Segment, clientPort: number = CLIENT.port, serverPort: number = SERVER.port): Buffer {
  const header = Buffer.alloc(24)
  const ports = segment.from === 'client' ? [clientPort, serverPort] : [serverPort, clientPort]
  header.writeUInt16BE(ports[0]!, 0)
  header.writeUInt16BE(ports[1]!, 2)
  header.writeUInt32BE(segment.sequence >>> 0, 4)
  header.writeUInt32BE((segment.acknowledgement ?? 0) >>> 0, 8)
  header[12] = 6 << 4
  header[13] = segment.flags
  header.set([1, 1, 0, 0], 20)
  return Buffer.concat([header, segment.payload])
}

export interface Ipv4Options {
  readonly protocol?: number
  /** Flags and place of a fragment. */
  readonly fragment?: number
  readonly optionWords?: number
  /** What the header says instead of the truth. */
  readonly length?: number
}

export function ipv4(segment: Segment, options: Ipv4Options = {}, payload: Buffer = tcp(segment)): Buffer {
  const { protocol = 6, fragment = 0x4000, optionWords = 0 } = options
  const header = Buffer.alloc(20 + 4 * optionWords, 1)
  header[0] = 0x40 | (5 + optionWords)
  header.writeUInt16BE(options.length ?? header.length + payload.length, 2)
  header.writeUInt16BE(fragment, 6)
  header[9] = protocol
  const [source, destination] = segment.from === 'client' ? [CLIENT, SERVER] : [SERVER, CLIENT]
  header.set(source.v4, 12)
  header.set(destination.v4, 16)
  return Buffer.concat([header, payload])
}

/** `extensions`: numbers of the headers between IPv6 and TCP, each 8 bytes long. */
export function ipv6(segment: Segment, extensions: readonly number[] = []): Buffer {
  const payload = tcp(segment)
  const chain = [...extensions, 6]
  // the length of an authentication header counts otherwise; 0 is 8 bytes in all of them
  const between = extensions.map((_, index) => Buffer.from([chain[index + 1]!, 0, 0, 0, 0, 0, 0, 0]))
  const header = Buffer.alloc(8)
  header[0] = 0x60
  header.writeUInt16BE(8 * extensions.length + payload.length, 4)
  header[6] = chain[0]!
  const addresses = segment.from === 'client' ? CLIENT.v6 + SERVER.v6 : SERVER.v6 + CLIENT.v6
  return Buffer.concat([header, Buffer.from(addresses, 'hex'), ...between, payload])
}

/** An Ethernet frame, padded as short ones are; `tags`: types that announce a VLAN tag each. */
export function ethernet(ip: Buffer, tags: readonly number[] = []): Buffer {
  const types = [...tags, typeOf(ip)]
  const head = Buffer.concat([Buffer.alloc(12, 2), ...types.map((type, n) => (n === 0 ? u16(type) : u16(7, type)))])
  return Buffer.concat([head, ip, Buffer.alloc(Math.max(0, 60 - head.length - ip.length), 0xee)])
}

export function cooked(ip: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(14, 1), u16(typeOf(ip)), ip])
}

export function cookedV2(ip: Buffer): Buffer {
  return Buffer.concat([u16(typeOf(ip)), Buffer.alloc(18, 1), ip])
}

export function loopback(ip: Buffer, order: 'big' | 'little', ipv6Family = 30): Buffer {
  const family = Buffer.alloc(4)
  const value = typeOf(ip) === 0x86dd ? ipv6Family : 2
  if (order === 'big') family.writeUInt32BE(value)
  else family.writeUInt32LE(value)
  return Buffer.concat([family, ip])
}

function typeOf(ip: Buffer): number {
  return ip[0]! >> 4 === 6 ? 0x86dd : 0x0800
}

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, 2 * index)
  return bytes
}
