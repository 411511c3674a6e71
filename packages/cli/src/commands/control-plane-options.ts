/** Options of a control plane, which `control-plane` and `up` have. */

import { isIP } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { SocketAddress } from '@meltemi/api'
import type { ControlPlane, ControlPlaneOptions } from '@meltemi/control-plane'
import { createLogger, LOG_LEVELS, type LogLevel, MergedRegistry } from '@meltemi/runtime'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { codecs } from '../modules.ts'
import { readVersion } from '../version.ts'
import { formatHostPort, formatHttp } from './format-address.ts'
import { parseAddress, parseLogLevel, parseWhole } from './option-values.ts'

export interface ControlPlaneFlags {
  readonly xdsAddress: SocketAddress
  readonly apiAddress: SocketAddress
  readonly tokenFile?: string
  readonly debounceMs: number
  readonly debounceMaxMs: number
  readonly listenHost: string
  readonly domain: string
  readonly trustDomains: readonly string[]
  readonly logLevel: LogLevel
}

const MAX_DEBOUNCE_MS = 60_000
const CODEC_PREFIX = 'aeraki.meta_protocol.codec.'

export const CONTROL_PLANE_HELP = `
Resources:
  All files of the folder that end in .yaml, .yml or .json, as they change; folders in it are not entered. A file that
  cannot be read keeps the last good state of its resources. What meltemi apply changes is written into these files.

API and page:
  Changes over the API need a token. A new one is made at each start and left in a file for this user alone, where the
  commands apply, delete and diff find it; MELTEMI_TOKEN or --token-file choose another. Reading needs none.
`

export function addControlPlaneOptions(command: Command): Command {
  return command
    .addOption(
      option('--xds-address <host:port>', 'where proxies come for their configuration', 'XDS_ADDRESS')
        .argParser(parseAddress)
        .default({ host: '127.0.0.1', port: 15_010 }, '127.0.0.1:15010'),
    )
    .addOption(
      option('--api-address <host:port>', 'API and live page, for operators', 'API_ADDRESS')
        .argParser(parseAddress)
        .default({ host: '127.0.0.1', port: 15_080 }, '127.0.0.1:15080'),
    )
    .addOption(
      option('--token-file <file>', "where the API's token is left (default: a folder of the user)", 'TOKEN_FILE'),
    )
    .addOption(
      option('--debounce-ms <n>', 'milliseconds without a change before changes go out', 'DEBOUNCE_MS')
        .argParser(parseWhole(0, MAX_DEBOUNCE_MS))
        .default(100),
    )
    .addOption(
      option('--debounce-max-ms <n>', 'milliseconds that no change waits longer than', 'DEBOUNCE_MAX_MS')
        .argParser(parseWhole(0, MAX_DEBOUNCE_MS))
        .default(1000),
    )
    .addOption(
      option('--listen-host <address>', 'where proxies listen for services without addresses', 'LISTEN_HOST')
        .argParser(parseIp)
        .default('127.0.0.1'),
    )
    .addOption(
      option('--domain <domain>', 'what names of Kubernetes services end in', 'DOMAIN').default('cluster.local'),
    )
    .addOption(
      option('--trust-domains <names>', 'of certificates in policies: the own one, then its aliases', 'TRUST_DOMAINS')
        .argParser(parseNames)
        .default(['cluster.local'], 'cluster.local'),
    )
    .addOption(
      option('--log-level <level>', `least severe log lines: ${LOG_LEVELS.join(', ')}`, 'LOG_LEVEL')
        .argParser(parseLogLevel)
        .default('info'),
    )
}

export function toControlPlaneOptions(
  resources: ControlPlaneOptions['resources'],
  flags: ControlPlaneFlags,
): ControlPlaneOptions {
  const { xdsAddress, apiAddress, tokenFile, debounceMs, debounceMaxMs, listenHost, domain, trustDomains, logLevel } =
    flags
  const token = process.env['MELTEMI_TOKEN'] || undefined
  return {
    resources,
    xds: xdsAddress,
    api: { address: apiAddress, version: readVersion(), token, tokenFile },
    defaultProtocols: defaultProtocols(),
    listenHost,
    domain,
    trustDomains,
    moduleCache: moduleCacheFolder(),
    quietMs: debounceMs,
    maxDelayMs: debounceMaxMs,
    logger: createLogger({ level: logLevel }),
    metrics: new MergedRegistry(),
  }
}

/** Where it is, in one line. */
export function describeControlPlane(
  { xdsPort, webhookPort, api }: ControlPlane,
  { xdsAddress }: ControlPlaneFlags,
): string {
  const token = api?.tokenFile === undefined ? 'with the token that was given' : `token in ${api.tokenFile}`
  const page = api === undefined ? '' : `page and API ${formatHttp(api.address)} (${token}), `
  const webhook = webhookPort === undefined ? '' : `webhook port ${webhookPort}, `
  return `${page}${webhook}xDS ${formatHostPort({ host: xdsAddress.host, port: xdsPort })}`
}

/** Codecs that come with the program need no resource: their protocols are called like them. */
export function defaultProtocols(): ControlPlaneOptions['defaultProtocols'] {
  return codecs
    .filter(({ name }) => name.startsWith(CODEC_PREFIX))
    .map(({ name }) => ({ protocol: name.slice(CODEC_PREFIX.length).replaceAll('_', '-'), codec: name }))
}

function moduleCacheFolder(): string {
  const xdg = process.env['XDG_CACHE_HOME']
  return join(xdg?.startsWith('/') ? xdg : join(homedir(), '.cache'), 'meltemi', 'modules')
}

export function parseIp(text: string): string {
  if (isIP(text) !== 0) return text
  throw new InvalidArgumentError('It should be an IP address, for example 127.0.0.1 or 0.0.0.0.')
}

function parseNames(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.every((name) => /^[a-z0-9]([-._a-z0-9]*[a-z0-9])?$/.test(name))) return names
  throw new InvalidArgumentError('It should be names with commas between them, for example cluster.local,old.example.')
}

function option(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(`MELTEMI_${variable}`)
}
