import { isIP } from 'node:net'

/** 0: no IP address. */
export type IpFamily = 0 | 4 | 6

const MAPPED = 0xffff

/**
 * An IP address as numbers of 32 bits: one for IPv4, in `d`, four for IPv6. An IPv4 address that a socket for both
 * families wraps in IPv6 (`::ffff:10.0.0.1`) is what it stands for.
 */
export class IpAddress {
  readonly family: IpFamily
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number

  /** Never throws: what is no address has family 0. A zone (`%eth0`) is left out. */
  constructor(text: string) {
    const plain = text.includes('%') ? text.slice(0, text.indexOf('%')) : text
    const kind = isIP(plain)
    const words = kind === 6 ? parseV6(plain) : [0, 0, 0, kind === 4 ? parseV4(plain) : 0]
    const [a = 0, b = 0, c = 0, d = 0] = words
    const isMapped = kind === 6 && a === 0 && b === 0 && c === MAPPED
    this.family = isMapped ? 4 : (kind as IpFamily)
    this.a = a
    this.b = b
    this.c = isMapped ? 0 : c
    this.d = d
  }
}

/** Addresses whose first bits are the same. */
export class IpRange {
  readonly #base: IpAddress
  readonly #masks: readonly number[]

  /** `bits`: at most 32 of an IPv4 address, 128 of another. */
  constructor(prefix: string, bits: number) {
    this.#base = new IpAddress(prefix)
    // an IPv4 address, also one that is wrapped, is all in the last word
    const leading = this.#base.family === 4 ? (prefix.includes(':') ? Math.max(bits, 96) : bits + 96) : bits
    this.#masks = [maskOf(leading), maskOf(leading - 32), maskOf(leading - 64), maskOf(leading - 96)]
  }

  has(address: IpAddress): boolean {
    const base = this.#base
    if (base.family === 0 || address.family !== base.family) return false
    const [a = 0, b = 0, c = 0, d = 0] = this.#masks
    return (
      ((address.d ^ base.d) & d) === 0 &&
      ((address.c ^ base.c) & c) === 0 &&
      ((address.b ^ base.b) & b) === 0 &&
      ((address.a ^ base.a) & a) === 0
    )
  }
}

/** The first `bits` of 32; below 0 none, above 32 all. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0
  return bits >= 32 ? -1 : ~(-1 >>> bits)
}

function parseV4(text: string): number {
  return text.split('.').reduce((word, part) => (word << 8) | Number(part), 0)
}

function parseV6(text: string): readonly number[] {
  const tail = /:(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1]
  const low = tail === undefined ? 0 : parseV4(tail) >>> 0
  const hex =
    tail === undefined
      ? text
      : `${text.slice(0, -tail.length)}${(low >>> 16).toString(16)}:${(low & MAPPED).toString(16)}`
  const [before = '', after] = hex.split('::')
  const [head, rest] = [groups(before), groups(after ?? '')]
  const zeros = new Array<number>(after === undefined ? 0 : 8 - head.length - rest.length).fill(0)
  const all = [...head, ...zeros, ...rest]
  return [0, 2, 4, 6].map((at) => ((all[at] ?? 0) << 16) | (all[at + 1] ?? 0))
}

function groups(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}
