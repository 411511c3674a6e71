import { isIP } from 'node:net'

/*
 * The HAProxy PROXY protocol: who the client really is, said by a load balancer in front of the connection's bytes.
 *
 *   v1   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n                      at most 107 bytes
 *
 *   v2   0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A | version, command | family | length | addresses | TLVs
 *        12 bytes of signature                 1                  1        2        12 36 216   type 1, length 2, value
 *
 * https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
const V1_MAX_BYTES = 107
const V1_BEGIN = Buffer.from('PROXY ')
const V2_SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])
const V2_HEADER_BYTES = 16
/** Addresses and TLVs together; real ones stay below 1 KiB. */
const V2_MAX_BODY_BYTES = 4096
const COMMAND_LOCAL = 0x20
const COMMAND_PROXY = 0x21
const FAMILY_TCP4 = 0x11
const FAMILY_TCP6 = 0x21
const TLV_NOOP = 0x04
const TLV_NAMES = new Map([
  [0x01, 'alpn'],
  [0x02, 'authority'],
  [0x05, 'unique_id'],
])

export interface ProxyHeader {
  /** Bytes of the header; the protocol's own bytes follow. */
  readonly length: number
  /**
   * `proxy_protocol.source_address`, `.source_port`, `.destination_address`, `.destination_port`, `.alpn`,
   * `.authority`, `.unique_id`, and `.tlv.0xNN` for every other TLV. Empty for a health check of the balancer itself.
   */
  readonly properties: ReadonlyMap<string, string>
}

/** Reads the header at the start of `bytes`; undefined: more bytes are needed. Throws an Error for what is none. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (startsLike(bytes, V2_SIGNATURE)) return parseV2(bytes)
  if (startsLike(bytes, V1_BEGIN)) return parseV1(bytes)
  throw new Error('connection does not begin with a PROXY protocol header')
}

function startsLike(bytes: Buffer, pattern: Buffer): boolean {
  const length = Math.min(bytes.length, pattern.length)
  return bytes.compare(pattern, 0, length, 0, length) === 0
}

function parseV1(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, V1_MAX_BYTES).indexOf('\r\n')
  if (end < 0) {
    if (bytes.length >= V1_MAX_BYTES) throw new Error(`PROXY v1 header is longer than ${V1_MAX_BYTES} bytes`)
    return undefined
  }
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = bytes
    .toString('latin1', 0, end)
    .split(' ')
  if (family === 'UNKNOWN') return { length: end + 2, properties: new Map() }
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : -1
  const isValid =
    isIP(source) === version && isIP(destination) === version && isPort(sourcePort) && isPort(destinationPort)
  if (!isValid || rest.length > 0) throw new Error('PROXY v1 header is malformed')
  return { length: end + 2, properties: addresses(source, sourcePort, destination, destinationPort) }
}

function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535
}

function parseV2(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < V2_HEADER_BYTES) return undefined
  const command = bytes.readUInt8(12)
  const bodyBytes = bytes.readUInt16BE(14)
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) throw new Error('PROXY v2 version or command is unknown')
  if (bodyBytes > V2_MAX_BODY_BYTES)
    throw new Error(`PROXY v2 header of ${bodyBytes} bytes exceeds ${V2_MAX_BODY_BYTES}`)
  const length = V2_HEADER_BYTES + bodyBytes
  if (bytes.length < length) return undefined
  if (command === COMMAND_LOCAL) return { length, properties: new Map() }
  return { length, properties: parseV2Body(bytes.readUInt8(13), bytes.subarray(V2_HEADER_BYTES, length)) }
}

function parseV2Body(family: number, body: Buffer): Map<string, string> {
  if (family !== FAMILY_TCP4 && family !== FAMILY_TCP6) return new Map()
  const ipBytes = family === FAMILY_TCP4 ? 4 : 16
  const addressBytes = 2 * ipBytes + 4
  if (body.length < addressBytes) throw new Error('PROXY v2 addresses are cut short')
  const properties = addresses(
    printIp(body.subarray(0, ipBytes)),
    String(body.readUInt16BE(2 * ipBytes)),
    printIp(body.subarray(ipBytes, 2 * ipBytes)),
    String(body.readUInt16BE(2 * ipBytes + 2)),
  )
  for (let at = addressBytes; at < body.length; ) at = parseTlv(body, at, properties)
  return properties
}

function parseTlv(body: Buffer, at: number, properties: Map<string, string>): number {
  if (at + 3 > body.length) throw new Error('PROXY v2 TLV is cut short')
  const type = body.readUInt8(at)
  const end = at + 3 + body.readUInt16BE(at + 1)
  if (end > body.length) throw new Error('PROXY v2 TLV is cut short')
  const name = TLV_NAMES.get(type) ?? `tlv.0x${type.toString(16).padStart(2, '0')}`
  if (type !== TLV_NOOP) properties.set(`proxy_protocol.${name}`, printValue(body.subarray(at + 3, end)))
  return end
}

function addresses(
  source: string,
  sourcePort: string,
  destination: string,
  destinationPort: string,
): Map<string, string> {
  return new Map([
    ['proxy_protocol.source_address', source],
    ['proxy_protocol.source_port', sourcePort],
    ['proxy_protocol.destination_address', destination],
    ['proxy_protocol.destination_port', destinationPort],
  ])
}

function printIp(ip: Buffer): string {
  if (ip.length === 4) return [...ip].join('.')
  const groups: string[] = []
  for (let at = 0; at < 16; at += 2) groups.push(ip.readUInt16BE(at).toString(16))
  // the URL parser writes IPv6 addresses in their canonical, shortest form
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/** Text where it is text, else hex: what is not UTF-8 must not be altered on the way to a matcher. */
function printValue(value: Buffer): string {
  const text = value.toString('utf8')
  return Buffer.from(text, 'utf8').equals(value) ? text : value.toString('hex')
}
