import assert from 'node:assert/strict'
import { BlockList, isIPv4 } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { IpAddress, IpRange } from './ip-address.ts'

function isIn(address: string, prefix: string, bits: number): boolean {
  return new IpRange(prefix, bits).has(new IpAddress(address))
}

test('what is no address is in no range, and no range is in it', () => {
  for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', '::g', '/tmp/socket']) {
    assert.equal(new IpAddress(text).family, 0, text)
    assert.ok(!isIn(text, '0.0.0.0', 0))
    assert.ok(!isIn(text, '::', 0))
    assert.ok(!isIn('1.2.3.4', text, 0))
  }
})

test('an IPv4 address in IPv6 form is the IPv4 address, and a zone does not matter', () => {
  assert.ok(isIn('::ffff:127.0.0.2', '127.0.0.2', 32))
  assert.ok(isIn('127.0.0.2', '::ffff:127.0.0.0', 120))
  assert.ok(!isIn('127.0.1.2', '::ffff:127.0.0.0', 120))
  assert.ok(isIn('::ffff:7f00:2', '127.0.0.0', 8))
  assert.ok(isIn('fe80::1%eth0', 'fe80::', 10))
})

test('a range of one family has no address of the other', () => {
  assert.ok(!isIn('::1', '0.0.0.0', 0))
  assert.ok(!isIn('1.2.3.4', '::', 0))
})

const octet = fc.integer({ min: 0, max: 255 })
const v4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'))
const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })).map((n) => n.toString(16))
const v6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((all) => all.join(':'))
/** Node's own implementation takes a first group that is not 0, so that nothing is a wrapped IPv4 address. */
const plainV6 = v6.map((text) => `2001:${text.split(':').slice(1).join(':')}`)
const shortened = plainV6.map((text) => new URL(`http://[${text}]`).hostname.slice(1, -1))

test('any address is in any range as by the list of Node', () => {
  const address = fc.oneof(v4, plainV6, shortened)
  fc.assert(
    fc.property(address, address, fc.integer({ min: 0, max: 128 }), fc.boolean(), (prefix, other, n, isNear) => {
      const bits = isIPv4(prefix) ? n % 33 : n
      // one that differs late is in many ranges
      const tested = isNear ? prefix.replace(/[0-9a-f](?=:*$)/, (last) => (last === '1' ? '2' : '1')) : other
      const list = new BlockList()
      if (bits > 0) list.addSubnet(prefix, bits, isIPv4(prefix) ? 'ipv4' : 'ipv6')
      const isSameFamily = isIPv4(prefix) === isIPv4(tested)
      // Node's list has IPv4 addresses in IPv6 ranges too
      const expected = isSameFamily && (bits === 0 || list.check(tested, isIPv4(tested) ? 'ipv4' : 'ipv6'))
      assert.equal(isIn(tested, prefix, bits), expected)
    }),
    { seed: 1, numRuns: 2_000 },
  )
})
