/** Which Redis, as the reference writes it. What is thrown never has the text of a URL in it, for that may have a password. */

export type RedisType = 'single' | 'sentinel' | 'cluster'

export const REDIS_TYPES: readonly RedisType[] = ['single', 'sentinel', 'cluster']

export interface RedisNode {
  readonly host: string
  readonly port: number
}

export interface RedisTarget {
  readonly type: RedisType
  /** One where the type is single, the sentinels, or some nodes of the cluster. Empty with `socketPath`. */
  readonly nodes: readonly RedisNode[]
  /** Of a single Redis on this machine. */
  readonly socketPath: string | undefined
  /** How the sentinels call it; empty for other types. */
  readonly masterName: string
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly isTls: boolean
}

const DEFAULT_PORT = 6_379
const DEFAULT_SENTINEL_PORT = 26_379

/**
 * `host:port`, `redis://user:password@host:port/database`, `rediss://…` (TLS) or `unix:///path` for single; for sentinel
 * `master,host:port,host:port`; for cluster `host:port,host:port`. Throws an `Error` that says which part is wrong.
 */
export function parseRedisTarget(type: RedisType, text: string): RedisTarget {
  if (type === 'single' && text.startsWith('unix://')) return { ...EMPTY, socketPath: text.slice('unix://'.length) }
  const parts = text.split(',').map((part) => part.trim())
  const masterName = type === 'sentinel' ? (parts.shift() ?? '') : ''
  if (type === 'sentinel' && (masterName === '' || masterName.includes(':') || parts.length === 0)) {
    throw new Error('expected the name of the master and then sentinels: master,host:port,host:port')
  }
  if (type === 'single' && parts.length > 1) throw new Error('expected one host:port; several are a cluster')
  const urls = parts.map((part, index) => toUrl(part, index))
  const [first, ...others] = urls as [URL, ...URL[]]
  if (others.some((url) => says(url) && sayings(url) !== sayings(first)))
    throw new Error('user, password, database and TLS are those of the first address')
  const defaultPort = type === 'sentinel' ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT
  return {
    ...EMPTY,
    type,
    masterName,
    nodes: urls.map(({ hostname, port }) => ({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? defaultPort : Number(port),
    })),
    username: decodeURIComponent(first.username) || undefined,
    password: decodeURIComponent(first.password) || undefined,
    database: toDatabase(first.pathname, type),
    isTls: first.protocol === 'rediss:',
  }
}

const EMPTY: RedisTarget = {
  type: 'single',
  nodes: [],
  socketPath: undefined,
  masterName: '',
  username: undefined,
  password: undefined,
  database: 0,
  isTls: false,
}

function toUrl(part: string, index: number): URL {
  const text = /^rediss?:\/\//.test(part) ? part : `redis://${part}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.hostname === '') throw new Error(`address ${index + 1} is no host:port`)
  return url
}

function toDatabase(path: string, type: RedisType): number {
  if (path === '' || path === '/') return 0
  if (type === 'cluster' || !/^\/\d{1,5}$/.test(path)) throw new Error('the path of the URL is no number of a database')
  return Number(path.slice(1))
}

/** Whether it says more than where. */
function says({ protocol, username, password, pathname }: URL): boolean {
  return protocol === 'rediss:' || username !== '' || password !== '' || pathname.length > 1
}

function sayings({ protocol, username, password, pathname }: URL): string {
  return JSON.stringify([protocol, username, password, pathname])
}
