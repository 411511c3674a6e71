import type { ConnectionOptions } from 'node:tls'
import { Cluster, Redis } from 'ioredis'
import type { RedisTarget } from './redis-target.ts'

/** Files in PEM. */
export interface RedisTls {
  /** Default: those that Node trusts. */
  readonly authorities?: Buffer
  readonly certificate?: Buffer
  readonly privateKey?: Buffer
  /** The name that its certificate must have, if it is not the host of the address. */
  readonly serverName?: string
}

export interface RedisClientOptions {
  readonly target: RedisTarget
  readonly timeoutMs: number
  /** Takes the place of the ones in the target. */
  readonly username?: string
  readonly password?: string
  readonly sentinelUsername?: string
  readonly sentinelPassword?: string
  /** Also without it when the target's URL says `rediss`. */
  readonly tls?: RedisTls
}

/** A client with our script. */
export interface CountingRedis {
  readonly status: string
  countHits(key: string, hits: number, expiryS: number): Promise<number>
  /** The same in a write of its own, which follows a cluster wherever it points. */
  countHitsAlone(key: string, hits: number, expiryS: number): Promise<number>
  on(event: 'ready' | 'close' | 'reconnecting', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  disconnect(): void
}

/** In one step, so that no counter is left without an end, whatever dies in between. */
const COUNT_HITS = `
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if count == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return count
`

const FIRST_RETRY_MS = 20
const MAX_RETRY_MS = 1_000
/** Of a cluster that moves things about; what takes longer fails. */
const CLUSTER_RETRY_MS = 20
const MAX_REDIRECTIONS = 8
const SLOTS_REFRESH_MS = 2_000

/**
 * Connects by itself, again and again. While it is not connected commands fail at once, and those under way fail when
 * the connection is lost: none is sent twice, for hits must not be counted twice.
 */
export function createRedisClient(options: RedisClientOptions): CountingRedis {
  const { target } = options
  const client = target.type === 'cluster' ? createCluster(options) : new Redis(nodeOptions(options))
  return client as unknown as CountingRedis
}

function nodeOptions(options: RedisClientOptions) {
  const { target } = options
  const common = { ...commonOptions(options), retryStrategy: retryDelay, db: target.database }
  if (target.socketPath !== undefined) return { ...common, path: target.socketPath }
  if (target.type === 'single') return { ...common, ...target.nodes[0] }
  return {
    ...common,
    name: target.masterName,
    sentinels: [...target.nodes],
    sentinelUsername: options.sentinelUsername,
    sentinelPassword: options.sentinelPassword,
    sentinelRetryStrategy: retryDelay,
    sentinelCommandTimeout: Math.max(options.timeoutMs, 500),
    // They are told of a new master even while the old one hangs.
    failoverDetector: true,
    enableTLSForSentinelMode: common.tls !== undefined,
    sentinelTLS: common.tls,
  }
}

function createCluster(options: RedisClientOptions): Cluster {
  return new Cluster([...options.target.nodes], {
    redisOptions: commonOptions(options),
    scripts: SCRIPTS,
    enableAutoPipelining: true,
    autoPipeliningIgnoredCommands: ['countHitsAlone'],
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelay,
    maxRedirections: MAX_REDIRECTIONS,
    // What a lost connection had under way may have been counted. The others were refused, so they may be sent again.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: CLUSTER_RETRY_MS,
    retryDelayOnTryAgain: CLUSTER_RETRY_MS,
    slotsRefreshTimeout: Math.max(options.timeoutMs, 500),
    slotsRefreshInterval: SLOTS_REFRESH_MS,
  })
}

const SCRIPT = { lua: COUNT_HITS, numberOfKeys: 1 }
const SCRIPTS = { countHits: SCRIPT, countHitsAlone: SCRIPT }

function commonOptions({ target, timeoutMs, tls, username, password }: RedisClientOptions) {
  return {
    username: username ?? target.username,
    password: password ?? target.password,
    tls: toTls(tls, target.isTls),
    connectTimeout: Math.max(timeoutMs, 500),
    // A server that hangs keeps its connection: without an answer for so long it is given up.
    socketTimeout: 2 * timeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    autoPipeliningIgnoredCommands: ['countHitsAlone'],
    disableClientInfo: true,
    connectionName: 'meltemi-ratelimit',
    keepAlive: 10_000,
    // A master that has become a replica answers, but takes nothing any more.
    reconnectOnError: (error: Error) => error.message.includes('READONLY'),
    scripts: SCRIPTS,
    protocol: 2 as const,
    replyMapping: 'legacy' as const,
  }
}

function retryDelay(attempt: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 10), MAX_RETRY_MS)
}

function toTls(tls: RedisTls | undefined, isTls: boolean): ConnectionOptions | undefined {
  if (tls === undefined) return isTls ? {} : undefined
  const { authorities, certificate, privateKey, serverName } = tls
  return {
    ca: authorities,
    cert: certificate,
    key: privateKey,
    ...(serverName !== undefined && { servername: serverName }),
  }
}
