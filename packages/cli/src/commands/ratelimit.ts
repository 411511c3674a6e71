/** `meltemi ratelimit`: answers proxies that ask whether a request is within its limits. */

import { readFileSync } from 'node:fs'
import type { SocketAddress } from '@meltemi/api'
import type { RateLimitServerOptions } from '@meltemi/ratelimit'
import { createLogger, LOG_LEVELS, type LogLevel } from '@meltemi/runtime'
import { Command, InvalidArgumentError, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import type { Console } from '../console.ts'
import { formatHostPort, formatHttp } from './format-address.ts'
import { parseAddress, parseLogLevel, parseWhole } from './option-values.ts'
import { addRedisOptions, type RedisFlags, toRedis } from './ratelimit-redis-options.ts'

interface RateLimitFlags extends RedisFlags {
  readonly config: string
  readonly address: SocketAddress
  readonly adminAddress: SocketAddress
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsClientCa?: string
  readonly maxKeys: number
  readonly keyPrefix: string
  readonly nearLimitRatio: number
  readonly mergeDomains?: true
  readonly shadowMode?: true
  readonly responseHeaders?: true
  readonly logLevel: LogLevel
}

const MAX_KEYS = 10_000_000

const HELP = `
An option that names a variable (env) takes it from the environment when it is not given itself.

Rules:
  The format of github.com/envoyproxy/ratelimit, in all files of the folder that end in .yaml, .yml or .json, as they
  change. New rules with a fault are refused whole, with file, line and path in the log; the last good ones stay.

Examples:
  Serve a folder of rules, counting in memory; a single replica can:
    $ meltemi ratelimit -c limits/
  Several replicas count together in a Redis; its password comes from a file:
    $ meltemi ratelimit -c limits/ --address 0.0.0.0:8081 --redis-url redis:6379 --redis-password-file /run/redis
  See what is in force and what was counted:
    $ curl 127.0.0.1:6070/rlconfig
    $ curl 127.0.0.1:6070/metrics

Signals:
  SIGTERM or SIGINT ends it: /ready says 503, calls under way finish. A second one exits at once.

Exit code: 0 when it was asked to end, 1 for anything wrong, with one line on stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createRateLimitCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('ratelimit')
    .description("Runs Envoy's rate limit service (RLS v3), with counters in memory or in Redis.")
    .addOption(option('-c, --config <path>', 'folder of rules, or one file', 'CONFIG').makeOptionMandatory())
    .addOption(
      option('--address <host:port>', 'where proxies ask, over gRPC', 'ADDRESS')
        .argParser(parseAddress)
        .default({ host: '127.0.0.1', port: 8_081 }, '127.0.0.1:8081'),
    )
    .addOption(
      option('--admin-address <host:port>', 'pages for operators and probes', 'ADMIN_ADDRESS')
        .argParser(parseAddress)
        .default({ host: '127.0.0.1', port: 6_070 }, '127.0.0.1:6070'),
    )
    .addOption(option('--tls-cert <file>', 'certificate for gRPC, PEM (default: no TLS)', 'TLS_CERT'))
    .addOption(option('--tls-key <file>', 'its private key, PEM', 'TLS_KEY'))
    .addOption(option('--tls-client-ca <file>', 'who signs the certificates that clients must show', 'TLS_CLIENT_CA'))
    .addOption(
      option('--max-keys <n>', 'counters in memory, of each unit of time; the oldest goes', 'MAX_KEYS')
        .argParser(parseWhole(1, MAX_KEYS))
        .default(100_000),
    )
  return addOtherOptions(addRedisOptions(command))
    .addHelpText('after', HELP)
    .action(async (flags: RateLimitFlags) => {
      result.exitCode = await runRateLimit(flags, console)
    })
}

function addOtherOptions(command: Command): Command {
  return command
    .addOption(option('--key-prefix <text>', 'in front of the key of every counter', 'KEY_PREFIX').default('', 'none'))
    .addOption(
      option('--near-limit-ratio <part>', 'hits count as near from this part of a limit on', 'NEAR_LIMIT_RATIO')
        .argParser(parseRatio)
        .default(0.8),
    )
    .addOption(new Option('--merge-domains', 'files of one domain are put together, instead of refused'))
    .addOption(new Option('--shadow-mode', 'count everything, refuse nothing'))
    .addOption(new Option('--response-headers', 'tell clients of proxies in RateLimit-* headers'))
    .addOption(
      option('--log-level <level>', `least severe log lines: ${LOG_LEVELS.join(', ')}`, 'LOG_LEVEL')
        .argParser(parseLogLevel)
        .default('info'),
    )
}

async function runRateLimit(flags: RateLimitFlags, console: Console): Promise<number> {
  const { RulesError, startRateLimitServer } = await import('@meltemi/ratelimit')
  const { serveUntilSignal } = await import('./serve-until-signal.ts')
  const options = await toOptions(flags)
  return serveUntilSignal(async () => {
    const server = await startRateLimitServer(options).catch((error: unknown) => {
      throw error instanceof RulesError ? new CommandError(error.lines) : error
    })
    const grpc = formatHostPort({ ...flags.address, port: server.grpcPort })
    const pages = formatHttp({ ...flags.adminAddress, port: server.adminPort })
    console.write(`ready: gRPC ${grpc}, pages ${pages}\n`)
    const done = Promise.withResolvers<number>()
    const end = (): void => void server.close().then(() => done.resolve(0), done.reject)
    return { drain: end, done: done.promise }
  })
}

async function toOptions(flags: RateLimitFlags): Promise<RateLimitServerOptions> {
  const redis = await toRedis(flags)
  const tls = toTls(flags)
  return {
    rulesPath: flags.config,
    grpc: flags.address,
    admin: flags.adminAddress,
    ...(tls && { tls }),
    ...(redis && { redis }),
    maxKeys: flags.maxKeys,
    keyPrefix: flags.keyPrefix,
    nearLimitRatio: flags.nearLimitRatio,
    mergesDomains: flags.mergeDomains ?? false,
    isShadow: flags.shadowMode ?? false,
    hasResponseHeaders: flags.responseHeaders ?? false,
    logger: createLogger({ level: flags.logLevel }),
  }
}

function toTls({ tlsCert, tlsKey, tlsClientCa }: RateLimitFlags): RateLimitServerOptions['tls'] {
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new CommandError(['--tls-cert and --tls-key are needed together, also by --tls-client-ca'])
  }
  return {
    certificates: readFileSync(tlsCert),
    privateKey: readFileSync(tlsKey),
    ...(tlsClientCa !== undefined && { clientAuthorities: readFileSync(tlsClientCa) }),
  }
}

function parseRatio(text: string): number {
  const ratio = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN
  if (ratio >= 0 && ratio <= 1) return ratio
  throw new InvalidArgumentError('It should be a number from 0 to 1.')
}

function option(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(`MELTEMI_RATELIMIT_${variable}`)
}
