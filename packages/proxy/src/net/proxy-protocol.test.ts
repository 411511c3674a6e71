import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseProxyHeader } from './proxy-protocol.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const PROXY = '21'
const LOCAL = '20'
const TCP4 = '11'
const TCP6 = '21'
const ADDRESSES_4 = 'c0000201c6336401dc0401bb'
const ADDRESSES_6 = `${'20010db8'.padEnd(31, '0')}1${'20010db8'.padEnd(31, '0')}2dc0401bb`

/** A version 2 header: command, family, and a body that may begin with addresses. */
function v2(command: string, family: string, body: string): Buffer {
  const bytes = Buffer.from(body, 'hex')
  const length = bytes.length.toString(16).padStart(4, '0')
  return Buffer.concat([Buffer.from(SIGNATURE + command + family + length, 'hex'), bytes])
}

function tlv(type: number, value: string | Buffer): string {
  const bytes = Buffer.from(value as string)
  const head = Buffer.of(type, bytes.length >> 8, bytes.length & 0xff)
  return Buffer.concat([head, bytes]).toString('hex')
}

function propertiesOf(bytes: Buffer): Record<string, string> {
  const header = parseProxyHeader(bytes)
  assert.ok(header !== undefined)
  assert.equal(header.length, bytes.length)
  return Object.fromEntries([...header.properties].map(([key, value]) => [key.replace(/^proxy_protocol\./, ''), value]))
}

const V1 = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n')
const V1_6 = Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n')
const V2 = v2(PROXY, TCP4, ADDRESSES_4 + tlv(0x02, 'a.example') + tlv(0xea, Buffer.of(0xff, 1)) + tlv(4, 'xx'))
const V2_6 = v2(PROXY, TCP6, ADDRESSES_6 + tlv(0x01, 'h2'))
const FOUR = {
  source_address: '192.0.2.1',
  source_port: '56324',
  destination_address: '198.51.100.1',
  destination_port: '443',
}
const SIX = { ...FOUR, source_address: '2001:db8::1', destination_address: '2001:db8::2' }

test('version 1 tells both addresses, of IPv4 and of IPv6', () => {
  assert.deepEqual(propertiesOf(V1), FOUR)
  assert.deepEqual(propertiesOf(V1_6), SIX)
})

test('version 1 UNKNOWN tells nothing, whatever follows the word', () => {
  for (const rest of ['', ' ffff::1 ffff::2 1 2', ' what ever']) {
    assert.deepEqual(propertiesOf(Buffer.from(`PROXY UNKNOWN${rest}\r\n`)), {})
  }
})

test('version 2 tells addresses and TLVs: known ones by name, others by number, bytes that are no text in hex', () => {
  assert.deepEqual(propertiesOf(V2), { ...FOUR, authority: 'a.example', 'tlv.0xea': 'ff01' })
  assert.deepEqual(propertiesOf(V2_6), { ...SIX, alpn: 'h2' })
  const unique = v2(PROXY, TCP4, ADDRESSES_4 + tlv(0x05, 'id-1') + tlv(0x20, ''))
  assert.deepEqual(propertiesOf(unique), { ...FOUR, unique_id: 'id-1', 'tlv.0x20': '' })
})

test('version 2 LOCAL and families without ports tell nothing, and are skipped whole', () => {
  assert.deepEqual(propertiesOf(v2(LOCAL, '00', '')), {})
  assert.deepEqual(propertiesOf(v2(LOCAL, TCP4, ADDRESSES_4 + tlv(0x02, 'a.example'))), {})
  assert.deepEqual(propertiesOf(v2(PROXY, '00', 'ffff')), {})
  assert.deepEqual(propertiesOf(v2(PROXY, '31', '2f'.repeat(216))), {})
})

test('the bytes behind a header are not part of it', () => {
  for (const header of [V1, V1_6, V2, V2_6]) {
    assert.equal(parseProxyHeader(Buffer.concat([header, Buffer.from('PROXY \r\n')]))?.length, header.length)
  }
})

test('every beginning of a header waits for more', () => {
  for (const header of [V1, V1_6, V2, V2_6]) {
    for (let length = 0; length < header.length; length++) {
      assert.equal(parseProxyHeader(header.subarray(0, length)), undefined, `${length} bytes`)
    }
  }
})

test('what begins like no header is refused at its first wrong byte', () => {
  for (const text of ['G', 'PROXI', 'PROXY\r', '\r\n\r\n\0\r\nX', ' PROXY TCP4']) {
    assert.throws(() => parseProxyHeader(Buffer.from(text)), /does not begin with a PROXY protocol header/)
  }
})

test('malformed headers of version 1 are refused', () => {
  const bodies = [
    '',
    'TCP4',
    'TCP5 192.0.2.1 198.51.100.1 1 2',
    'TCP4 2001:db8::1 2001:db8::2 1 2',
    'TCP6 192.0.2.1 198.51.100.1 1 2',
    'TCP4 192.0.2.256 198.51.100.1 1 2',
    'TCP4 192.0.2.1 198.51.100.1 65536 2',
    'TCP4 192.0.2.1 198.51.100.1 -1 2',
    'TCP4 192.0.2.1 198.51.100.1 01 2',
    'TCP4 192.0.2.1 198.51.100.1 1 2 3',
    'TCP4  192.0.2.1 198.51.100.1 1 2',
    'tcp4 192.0.2.1 198.51.100.1 1 2',
  ]
  for (const body of bodies) assert.throws(() => parseProxyHeader(Buffer.from(`PROXY ${body}\r\n`)), /malformed/, body)
})

test('a header of version 1 is at most 107 bytes long, with its line end', () => {
  const fill = (length: number) => Buffer.from(`${'PROXY UNKNOWN '.padEnd(length - 2, 'x')}\r\n`)
  assert.equal(parseProxyHeader(fill(107))?.length, 107)
  assert.throws(() => parseProxyHeader(fill(108)), /longer than 107 bytes/)
  assert.equal(parseProxyHeader(fill(107).subarray(0, 106)), undefined)
})

test('malformed headers of version 2 are refused', () => {
  const refused: readonly [Buffer, RegExp][] = [
    [v2('11', TCP4, ADDRESSES_4), /version or command/],
    [v2('22', TCP4, ADDRESSES_4), /version or command/],
    [v2(PROXY, TCP4, ADDRESSES_4.slice(2)), /addresses are cut short/],
    [v2(PROXY, TCP6, ADDRESSES_4), /addresses are cut short/],
    [v2(PROXY, TCP4, `${ADDRESSES_4}02`), /TLV is cut short/],
    [v2(PROXY, TCP4, `${ADDRESSES_4}020002aa`), /TLV is cut short/],
  ]
  for (const [bytes, reason] of refused) assert.throws(() => parseProxyHeader(bytes), reason)
})

test('a body of version 2 is at most 4 KiB long, and a longer one is refused before it comes', () => {
  const room = 4096 - ADDRESSES_4.length / 2 - 3
  assert.equal(propertiesOf(v2(PROXY, TCP4, ADDRESSES_4 + tlv(0x02, 'x'.repeat(room))))['authority']?.length, room)
  const long = v2(PROXY, TCP4, ADDRESSES_4 + tlv(0x02, 'x'.repeat(room + 1)))
  assert.throws(() => parseProxyHeader(long.subarray(0, 16)), /exceeds 4096/)
})

test('a header with any one byte wrong waits, is refused with an Error, or tells texts', () => {
  for (const header of [V1, V1_6, V2, V2_6]) {
    for (let at = 0; at < header.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const bytes = Buffer.from(header)
        bytes[at] = byte
        assertBehaved(bytes)
      }
    }
  }
})

function assertBehaved(bytes: Buffer): void {
  try {
    const header = parseProxyHeader(bytes)
    if (header === undefined) return
    assert.ok(header.length <= bytes.length)
    for (const value of header.properties.values()) assert.ok(typeof value === 'string')
  } catch (error: unknown) {
    if ((error as Error).constructor !== Error) assert.fail(`${bytes.toString('hex')}: ${error}`)
  }
}
