import type { Clock, Counter, Gauge, Logger, MetricRegistry } from '@meltemi/runtime'
import { CounterError, type CounterStore, type Hit } from './counter.ts'
import { type CountingRedis, createRedisClient, type RedisClientOptions } from './redis-client.ts'

/** Hits that wait for their answer; more fail at once, for Redis does not keep up. */
const MAX_PENDING = 10_000

export interface RedisCountersOptions {
  readonly client: RedisClientOptions
  /** Keys stay up to so many seconds longer than their window, so that they do not all go at once. */
  readonly expiryJitterS: number
  /** Between 0 and 1, for the jitter. */
  readonly random: () => number
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: MetricRegistry
  /** In the names of stats: `redis`, or `redis_per_second`. */
  readonly name: string
}

const REDIRECTED = /^(?:MOVED|ASK|TRYAGAIN) /

/** Counters that many processes share. Hits of one turn of the event loop leave together. */
export class RedisCounters implements CounterStore {
  readonly #options: RedisCountersOptions
  readonly #client: CountingRedis
  readonly #connected: Gauge
  readonly #timeouts: Counter
  readonly #overflow: Counter
  #pending = 0
  #isReady = false

  constructor(options: RedisCountersOptions) {
    this.#options = options
    const { metrics, name } = options
    this.#connected = metrics.gauge(`ratelimit.${name}.connected`)
    this.#timeouts = metrics.counter(`ratelimit.${name}.timeout`)
    this.#overflow = metrics.counter(`ratelimit.${name}.pending_overflow`)
    this.#client = createRedisClient(options.client)
    this.#watch()
  }

  get isReady(): boolean {
    return this.#isReady
  }

  async add(hits: readonly Hit[]): Promise<readonly number[]> {
    if (this.#client.status !== 'ready') throw new CounterError('redis is not connected')
    if (this.#pending + hits.length > MAX_PENDING) {
      this.#overflow.add(1)
      throw new CounterError('redis does not keep up')
    }
    this.#pending += hits.length
    const counts = Promise.all(hits.map((hit) => this.#count(hit)))
    return this.#inTime(counts)
  }

  close(): void {
    this.#client.disconnect()
  }

  async #count({ key, hits, lengthS }: Hit): Promise<number> {
    const jitterS = Math.floor(this.#options.random() * this.#options.expiryJitterS)
    try {
      return await this.#send(key, hits, lengthS + jitterS)
    } catch (error: unknown) {
      throw new CounterError(`redis: ${messageOf(error)}`)
    } finally {
      this.#pending--
    }
  }

  /** A node that a slot has left has counted nothing; of what leaves together only some may have to go elsewhere. */
  async #send(key: string, hits: number, expiryS: number): Promise<number> {
    try {
      return await this.#client.countHits(key, hits, expiryS)
    } catch (error: unknown) {
      if (!REDIRECTED.test(messageOf(error))) throw error
      return this.#client.countHitsAlone(key, hits, expiryS)
    }
  }

  #inTime(counts: Promise<readonly number[]>): Promise<readonly number[]> {
    const { timeoutMs } = this.#options.client
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.setTimer(timeoutMs, () => {
        this.#timeouts.add(1)
        reject(new CounterError(`redis has not answered within ${timeoutMs} ms`))
      })
      counts.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  #watch(): void {
    const { logger, name } = this.#options
    this.#client.on('ready', () => {
      this.#isReady = true
      this.#connected.set(1)
      logger.limited(`${name} ready`, 1)?.info('redis is connected', { name })
    })
    this.#client.on('close', () => this.#connected.set(0))
    this.#client.on('error', (error) => {
      logger.limited(`${name} error`, 1)?.warn('redis cannot be used, it is tried again', { name, error })
    })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
