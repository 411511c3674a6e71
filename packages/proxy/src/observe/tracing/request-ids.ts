import { hex32, type TraceIds } from './trace-ids.ts'

/** Why a request is traced, or that it is not: the digit at index 14 of its id, which all proxies on its way obey. */
export const TraceReason = { None: '4', Sampled: '9', Service: 'a', Client: 'b' } as const
export type TraceReason = (typeof TraceReason)[keyof typeof TraceReason]

const ID_LENGTH = 36
const REASON_AT = 14
const FIRST_DIGITS = 8
const GOLDEN = 0x9e3779b1
const NO_TAILS = { 4: '', 9: '', a: '', b: '' }

/**
 * Ids for `x-request-id`, of the form of a UUID.
 *
 *   xxxxxxxx-xxxx-Rxxx-yxxx-xxxxxxxxxxxx        R: the reason
 *   └─ other for each id └─ random, the same for all of one thread
 *
 * The first eight digits are a mix of a counter that is one-to-one, so none comes twice before 2³² have come; then the
 * rest changes. What is drawn for each id costs more than all else that an untraced request costs.
 */
export class RequestIds {
  readonly #ids: TraceIds
  #key = 0
  #count = 0
  /** By the reason. */
  #tails: Readonly<Record<TraceReason, string>> = NO_TAILS

  constructor(ids: TraceIds) {
    this.#ids = ids
    this.#renew()
  }

  /** The first eight digits of the next id, as a number: sampling is decided by them. */
  draw(): number {
    const count = this.#count
    this.#count = (count + 1) >>> 0
    if (this.#count === 0) this.#renew()
    return mix(count ^ this.#key)
  }

  /** One that is not traced. */
  next(): string {
    return this.text(hex32(this.draw()), TraceReason.None)
  }

  /** `digits`: those of the number that was drawn. */
  text(digits: string, reason: TraceReason): string {
    return digits + this.#tails[reason]
  }

  #renew(): void {
    const [a, b, c] = [this.#ids.spanId(), this.#ids.spanId(), this.#ids.spanId()]
    this.#key = this.#ids.u32()
    const tail = (reason: TraceReason) =>
      `-${a.slice(0, 4)}-${reason}${a.slice(4, 7)}-a${b.slice(0, 3)}-${c.slice(0, 12)}`
    this.#tails = { 4: tail('4'), 9: tail('9'), a: tail('a'), b: tail('b') }
  }
}

/** One-to-one: multiplications with odd numbers and shifts onto itself. */
function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return Math.imul(mixed ^ (mixed >>> 16), GOLDEN) >>> 0
}

/** The number that decisions are made by; -1: the id cannot tell. */
export function firstOf(id: string): number {
  if (id.length < FIRST_DIGITS) return -1
  const digits = id.slice(0, FIRST_DIGITS)
  return /^[0-9a-fA-F]{8}$/.test(digits) ? Number.parseInt(digits, 16) : -1
}

/** What those before us have decided; None also where the id is no UUID. */
export function reasonOf(id: string): TraceReason {
  if (id.length !== ID_LENGTH) return TraceReason.None
  const reason = id[REASON_AT]
  if (reason !== TraceReason.Sampled && reason !== TraceReason.Service && reason !== TraceReason.Client) {
    return TraceReason.None
  }
  return firstOf(id) >= 0 ? reason : TraceReason.None
}
