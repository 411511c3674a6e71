/** Puts the rate limit service together. */

import { RateLimitService } from '@meltemi/api/rate-limit'
import { type Clock, type Logger, MergedRegistry, startAdminServer, systemClock } from '@meltemi/runtime'
import { type GrpcServerTls, grpcService, startGrpcServer } from '@meltemi/runtime/grpc'
import { adminRoutes } from './admin.ts'
import type { CounterStore } from './counters/counter.ts'
import { MemoryCounters } from './counters/memory.ts'
import { OverLimitCache } from './counters/over-limit-cache.ts'
import { PerSecondCounters } from './counters/per-second.ts'
import { RedisCounters } from './counters/redis.ts'
import type { RedisClientOptions } from './counters/redis-client.ts'
import { CountersWithFallback } from './counters/with-fallback.ts'
import type { FailureMode } from './failure-mode.ts'
import { healthService } from './health.ts'
import { LimitStats } from './limit-stats.ts'
import { Limiter } from './limiter.ts'
import { RuleStore } from './rules/rule-store.ts'
import { RateLimitHandler } from './service.ts'

export interface ListenAddress {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

export interface RateLimitRedis {
  readonly client: RedisClientOptions
  /** For limits per second; default: the same. */
  readonly perSecond?: RedisClientOptions
  /** Default error. */
  readonly failureMode?: FailureMode
  /** Keys stay up to so many seconds longer than their window; default 300. */
  readonly expiryJitterS?: number
  /** Counters that are known to be over their limit, of each unit of time; default 0: none. */
  readonly overLimitCacheKeys?: number
}

export interface RateLimitServerOptions {
  /** A folder with rules, or one file. */
  readonly rulesPath: string
  readonly grpc: ListenAddress
  readonly admin: ListenAddress
  readonly tls?: GrpcServerTls
  /** Default: counters in memory. */
  readonly redis?: RateLimitRedis
  /** In memory, of each unit of time; default 100,000. */
  readonly maxKeys?: number
  /** In front of every counter's key; default empty. */
  readonly keyPrefix?: string
  /** Default 0.8. */
  readonly nearLimitRatio?: number
  /** Default false: a domain has one file. */
  readonly mergesDomains?: boolean
  /** Default false. */
  readonly isShadow?: boolean
  /** Default false. */
  readonly hasResponseHeaders?: boolean
  readonly logger: Logger
  readonly clock?: Clock
}

export interface RateLimitServer {
  readonly grpcPort: number
  readonly adminPort: number
  /** Not ready from now on; calls under way have a second to end. */
  close(): Promise<void>
}

const DEFAULT_MAX_KEYS = 100_000
const DEFAULT_JITTER_S = 300
const LOOPBACK = /^(?:127\.|::1$|localhost$)/
/** A proxy has one connection for all its requests. */
const MAX_CONCURRENT_STREAMS = 10_000
/** Keeps the number and the size of descriptors within bounds. */
const MAX_REQUEST_BYTES = 1024 * 1024

/** Rejects with `RulesError` when the rules are wrong, and when an address cannot be had. */
export async function startRateLimitServer(options: RateLimitServerOptions): Promise<RateLimitServer> {
  const clock = options.clock ?? systemClock
  const metrics = new MergedRegistry()
  const { logger } = options
  const mergesDomains = options.mergesDomains ?? false
  const rules = await RuleStore.open({ path: options.rulesPath, mergesDomains, clock, logger, metrics })
  const server = new Parts(options, rules, metrics, clock)
  try {
    return await server.listen()
  } catch (error: unknown) {
    await server.close()
    throw error
  }
}

/** What has to be closed again. */
class Parts {
  readonly #options: RateLimitServerOptions
  readonly #rules: RuleStore
  readonly #metrics: MergedRegistry
  readonly #clock: Clock
  readonly #stats: LimitStats
  readonly #counters: CounterStore
  readonly #handler: RateLimitHandler
  readonly #closers: (() => Promise<void>)[] = []
  #isClosing = false

  constructor(options: RateLimitServerOptions, rules: RuleStore, metrics: MergedRegistry, clock: Clock) {
    this.#options = options
    this.#rules = rules
    this.#metrics = metrics
    this.#clock = clock
    this.#stats = new LimitStats(metrics)
    this.#counters = this.#createCounters()
    this.#handler = this.#createHandler()
  }

  async listen(): Promise<RateLimitServer> {
    const { grpc, admin, tls, logger } = this.#options
    if (tls === undefined && !LOOPBACK.test(grpc.host)) {
      logger.warn('without TLS everybody who reaches the port can use limits up', { host: grpc.host })
    }
    const isReady = () => this.#counters.isReady && !this.#isClosing
    const grpcServer = await startGrpcServer({
      ...grpc,
      ...(tls && { tls }),
      limits: { maxConcurrentStreams: MAX_CONCURRENT_STREAMS, maxReceiveBytes: MAX_REQUEST_BYTES },
      services: [
        grpcService(RateLimitService, { shouldRateLimit: (request) => this.#handler.shouldRateLimit(request) }),
        healthService(isReady),
      ],
      onError: (error) => logger.limited('grpc', 5)?.error('a call failed', { error }),
    })
    this.#closers.push(() => grpcServer.close())
    const routes = adminRoutes({ rules: () => this.#rules.current, metrics: this.#metrics, isReady })
    const adminServer = await startAdminServer({ address: admin, routes, logger, allowedHosts: [admin.host] })
    this.#closers.push(() => adminServer.close())
    return { grpcPort: grpcServer.port, adminPort: adminServer.port, close: () => this.close() }
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#rules.close()
    await Promise.all(this.#closers.map((close) => close()))
    this.#counters.close()
  }

  #createHandler(): RateLimitHandler {
    const { redis, nearLimitRatio, keyPrefix, isShadow, hasResponseHeaders, logger } = this.#options
    const metrics = this.#metrics
    const cacheKeys = redis?.overLimitCacheKeys ?? 0
    const limiter = new Limiter({
      counters: this.#counters,
      overLimitCache: cacheKeys === 0 ? undefined : new OverLimitCache(cacheKeys, metrics),
      stats: this.#stats,
      nearLimitRatio: nearLimitRatio ?? 0.8,
      keyPrefix: keyPrefix ?? '',
    })
    return new RateLimitHandler({
      rules: () => this.#rules.current,
      limiter,
      stats: this.#stats,
      failureMode: redis?.failureMode ?? 'error',
      isShadow: isShadow ?? false,
      hasResponseHeaders: hasResponseHeaders ?? false,
      clock: this.#clock,
      logger,
      metrics,
    })
  }

  #createCounters(): CounterStore {
    const { redis } = this.#options
    if (redis === undefined) return this.#memory()
    const all = this.#redis('redis', redis.client, redis)
    const { perSecond } = redis
    const counters =
      perSecond === undefined ? all : new PerSecondCounters(this.#redis('redis_per_second', perSecond, redis), all)
    if (redis.failureMode !== 'memory') return counters
    return new CountersWithFallback(counters, this.#memory(), (error) => this.#handler.countersFailed(error))
  }

  #memory(): MemoryCounters {
    const maxKeys = this.#options.maxKeys ?? DEFAULT_MAX_KEYS
    return new MemoryCounters({ maxKeys, clock: this.#clock, metrics: this.#metrics })
  }

  #redis(name: string, client: RedisClientOptions, { expiryJitterS }: RateLimitRedis): RedisCounters {
    return new RedisCounters({
      name,
      client,
      expiryJitterS: expiryJitterS ?? DEFAULT_JITTER_S,
      random: Math.random,
      clock: this.#clock,
      logger: this.#options.logger,
      metrics: this.#metrics,
    })
  }
}
