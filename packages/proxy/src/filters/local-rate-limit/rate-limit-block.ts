import type { FilterConfig, ListenerConfig, LocalRateLimitConfig, TokenBucketConfig } from '@meltemi/api/model'
import type { SharedBlock } from '../../upstream/shared-limits.ts'
import { canonicalJson } from '../../util/canonical-json.ts'
import { limiterWords } from './limiter.ts'

/*
 * The memory of one filter, the same for all threads:
 *
 *   [ origin: microseconds + 1, 64 bits ][ seed ][ - ][ of the conditions, in their order ][ of the bucket for the others ]
 */
const HEADER_WORDS = 4
const SEED_WORD = 2
const LINE_WORDS = 16

/** Each in cache lines of its own: threads that use different buckets are not to wait for each other. */
function wordsOf(bucket: TokenBucketConfig): number {
  return Math.ceil(limiterWords(bucket) / LINE_WORDS) * LINE_WORDS
}

export function bucketsOf({ conditions, bucket }: LocalRateLimitConfig): readonly TokenBucketConfig[] {
  return [...conditions.map((condition) => condition.bucket), ...(bucket === undefined ? [] : [bucket])]
}

/** Its key stands for the address, and for what is configured: as long as both stay, so does what is in the buckets. */
export function rateLimitBlock(filter: FilterConfig, { address, filter: proxy }: ListenerConfig): SharedBlock {
  const all = proxy.kind === 'meta-protocol' ? proxy.filters : []
  const textOf = ({ name, typeUrl, config }: FilterConfig) => canonicalJson([name, typeUrl, config ?? {}])
  const text = textOf(filter)
  // where it is there twice, each has buckets of its own
  const nth = all.slice(0, all.indexOf(filter)).filter((other) => textOf(other) === text).length
  const words = bucketsOf(filter.parsed as LocalRateLimitConfig).reduce(
    (sum, bucket) => sum + wordsOf(bucket),
    LINE_WORDS,
  )
  const key = `local-rate-limit/${address.host}:${address.port}/${nth}/${text}`
  return { key, bytes: words * Int32Array.BYTES_PER_ELEMENT }
}

/** A block as one thread sees it. Who is there first says when it has begun, and draws the seed. */
export class RateLimitMemory {
  readonly originMs: number
  readonly seed: number
  readonly #memory: SharedArrayBuffer
  #next = LINE_WORDS

  constructor(memory: SharedArrayBuffer, nowMs: number, random: number) {
    const micros = BigInt(Math.round(nowMs * 1000)) + 1n
    const began = Atomics.compareExchange(new BigInt64Array(memory, 0, 1), 0, 0n, micros) || micros
    this.originMs = Number(began - 1n) / 1000
    const seed = Math.floor(random * 2 ** 32) | 0 || 1
    this.seed = Atomics.compareExchange(new Int32Array(memory, 0, HEADER_WORDS), SEED_WORD, 0, seed) || seed
    this.#memory = memory
  }

  /** Of the next bucket: to be asked for in the order of `bucketsOf`. */
  take(bucket: TokenBucketConfig): Int32Array {
    const words = new Int32Array(this.#memory, this.#next * Int32Array.BYTES_PER_ELEMENT, limiterWords(bucket))
    this.#next += wordsOf(bucket)
    return words
  }
}
