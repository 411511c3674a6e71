/** Options of `meltemi ratelimit` that concern Redis. */

import { readFileSync } from 'node:fs'
import type { FailureMode, RateLimitRedis, RedisClientOptions, RedisType } from '@meltemi/ratelimit'
import { Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import { parseDuration, parseWhole } from './option-values.ts'

export interface RedisFlags {
  readonly redisUrl?: string
  readonly redisType: RedisType
  readonly redisPerSecondUrl?: string
  readonly redisUser?: string
  readonly redisPasswordFile?: string
  readonly redisSentinelPasswordFile?: string
  readonly redisTls?: true
  readonly redisCa?: string
  readonly redisCert?: string
  readonly redisKey?: string
  readonly redisServerName?: string
  readonly redisTimeout: number
  readonly redisFailureMode: FailureMode
  readonly redisExpiryJitter: number
  readonly overLimitCache: number
}

export function addRedisOptions(command: Command): Command {
  return addRedisBehaviour(addRedisAddress(command))
}

function addRedisAddress(command: Command): Command {
  return command
    .addOption(
      option('--redis-url <url>', 'count in this Redis: host:port, redis://… or rediss://… (default: memory)', 'URL'),
    )
    .addOption(
      option('--redis-type <type>', 'sentinel: master,host:port,…; cluster: host:port,host:port', 'TYPE')
        .choices(['single', 'sentinel', 'cluster'])
        .default('single'),
    )
    .addOption(
      option('--redis-per-second-url <url>', 'another Redis of that type for limits per second', 'PER_SECOND_URL'),
    )
    .addOption(option('--redis-user <name>', "user name (default: the URL's)", 'USER'))
    .addOption(option('--redis-password-file <file>', "file with the password (default: the URL's)", 'PASSWORD_FILE'))
    .addOption(
      option('--redis-sentinel-password-file <file>', 'file with the password of sentinels', 'SENTINEL_PASSWORD_FILE'),
    )
    .addOption(new Option('--redis-tls', 'TLS to Redis, as rediss:// has it'))
    .addOption(option('--redis-ca <file>', 'who signs its certificate, PEM (default: public ones)', 'CA'))
    .addOption(option('--redis-cert <file>', 'certificate to show to it, PEM', 'CERT'))
    .addOption(option('--redis-key <file>', 'private key of that certificate, PEM', 'KEY'))
    .addOption(
      option('--redis-server-name <name>', "name in Redis' certificate (default: the host of the URL)", 'SERVER_NAME'),
    )
}

function addRedisBehaviour(command: Command): Command {
  return command
    .addOption(
      option('--redis-timeout <time>', 'how long an answer of Redis may take', 'TIMEOUT')
        .argParser(parseDuration(1, 60_000))
        .default(250, '250ms'),
    )
    .addOption(
      option(
        '--redis-failure-mode <mode>',
        'without Redis: fail calls, allow or deny all, or count here',
        'FAILURE_MODE',
      )
        .choices(['error', 'allow', 'deny', 'memory'])
        .default('error'),
    )
    .addOption(
      option('--redis-expiry-jitter <seconds>', 'keys stay up to so much longer than needed', 'EXPIRY_JITTER')
        .argParser(parseWhole(0, 86_400))
        .default(300),
    )
    .addOption(
      option('--over-limit-cache <n>', 'counters over their limit that are not asked for again', 'OVER_LIMIT_CACHE')
        .argParser(parseWhole(0, 10_000_000))
        .default(0),
    )
}

/** undefined: count in memory. */
export async function toRedis(flags: RedisFlags): Promise<RateLimitRedis | undefined> {
  const { redisUrl, redisPerSecondUrl } = flags
  if (redisUrl === undefined) {
    const faults = withoutEffect(flags).map((name) => `${name} needs --redis-url`)
    if (faults.length > 0) throw new CommandError(faults)
    return undefined
  }
  return {
    client: await toClient('--redis-url', redisUrl, flags),
    ...(redisPerSecondUrl !== undefined && {
      perSecond: await toClient('--redis-per-second-url', redisPerSecondUrl, flags),
    }),
    failureMode: flags.redisFailureMode,
    expiryJitterS: flags.redisExpiryJitter,
    overLimitCacheKeys: flags.overLimitCache,
  }
}

/** Given, by the command line or the environment, and of no use without a Redis. */
function withoutEffect(flags: RedisFlags): readonly string[] {
  return addRedisOptions(new Command())
    .options.filter((each) => each.long !== '--redis-url')
    .filter((each) => {
      const value = flags[each.attributeName() as keyof RedisFlags]
      return value !== undefined && value !== each.defaultValue
    })
    .map((each) => each.long ?? '')
}

async function toClient(name: string, url: string, flags: RedisFlags): Promise<RedisClientOptions> {
  const { parseRedisTarget } = await import('@meltemi/ratelimit')
  const password = readSecret(flags.redisPasswordFile)
  const sentinelPassword = readSecret(flags.redisSentinelPasswordFile)
  const tls = toTls(flags)
  try {
    return {
      target: parseRedisTarget(flags.redisType, url),
      timeoutMs: flags.redisTimeout,
      ...(flags.redisUser !== undefined && { username: flags.redisUser }),
      ...(password !== undefined && { password }),
      ...(sentinelPassword !== undefined && { sentinelPassword }),
      ...(tls && { tls }),
    }
  } catch (error: unknown) {
    // The URL itself may have a password.
    throw new CommandError([`${name}: ${error instanceof Error ? error.message : 'cannot be read'}`])
  }
}

function toTls(flags: RedisFlags): RedisClientOptions['tls'] {
  const { redisTls, redisCa, redisCert, redisKey, redisServerName } = flags
  const isMeant =
    redisTls === true || [redisCa, redisCert, redisKey, redisServerName].some((file) => file !== undefined)
  if (!isMeant) return undefined
  return {
    ...(redisServerName !== undefined && { serverName: redisServerName }),
    ...(redisCa !== undefined && { authorities: readFileSync(redisCa) }),
    ...(redisCert !== undefined && { certificate: readFileSync(redisCert) }),
    ...(redisKey !== undefined && { privateKey: readFileSync(redisKey) }),
  }
}

function readSecret(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readFileSync(file, 'utf8').trim()
}

function option(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(`MELTEMI_REDIS_${variable}`)
}
