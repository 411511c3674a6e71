/**
 * What stands before the IP packet, by LINKTYPE_ number.
 *
 *   1         Ethernet            | 6 to | 6 from | type u16 |
 *   0, 108    BSD loopback        | address family u32, in either byte order |
 *   12 14 101 228 229  raw IP     nothing
 *   113       Linux cooked        | 14 bytes | type u16 |
 *   276       Linux cooked, v2    | type u16 | 18 bytes |
 *
 * VLAN tags, also several, may stand between: | tag u16 | type u16 |, where the type before was 8100, 88a8 or 9100.
 */

const RAW = [12, 14, 101, 228, 229]
const LOOPBACK = [0, 108]
const ETHERNET = 1
const COOKED = 113
const COOKED_V2 = 276

const IP_TYPES = [0x0800, 0x86dd]
const VLAN_TYPES = [0x8100, 0x88a8, 0x9100]
const MAX_VLAN_TAGS = 8
/** 2 is IPv4 everywhere; for IPv6 Linux has 10, and each BSD one of its own. */
const IP_FAMILIES = [2, 10, 24, 28, 30]

export const KNOWN_LINK_TYPES = 'Ethernet, raw IP, BSD loopback and Linux cooked'

export function isKnownLinkType(linkType: number): boolean {
  return [...RAW, ...LOOPBACK, ETHERNET, COOKED, COOKED_V2].includes(linkType)
}

/** Where the IP packet begins; -1: there is none. */
export function findIp(linkType: number, bytes: Buffer): number {
  if (linkType === ETHERNET) return behindType(bytes, 12, 14)
  if (linkType === COOKED) return behindType(bytes, 14, 16)
  if (linkType === COOKED_V2) return behindType(bytes, 0, 20)
  return RAW.includes(linkType) ? 0 : behindFamily(bytes)
}

/** `typeAt`: where it is said what lies at `start`. */
function behindType(bytes: Buffer, typeAt: number, start: number): number {
  let at = start
  let type = u16(bytes, typeAt)
  for (let tags = 0; tags < MAX_VLAN_TAGS && VLAN_TYPES.includes(type); tags++) {
    type = u16(bytes, at + 2)
    at += 4
  }
  return IP_TYPES.includes(type) ? at : -1
}

function behindFamily(bytes: Buffer): number {
  if (bytes.length < 4) return -1
  return IP_FAMILIES.includes(bytes.readUInt32LE(0)) || IP_FAMILIES.includes(bytes.readUInt32BE(0)) ? 4 : -1
}

function u16(bytes: Buffer, at: number): number {
  return at + 2 <= bytes.length ? bytes.readUInt16BE(at) : -1
}
