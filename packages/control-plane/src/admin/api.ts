import { isIP } from 'node:net'
import {
  createTokenFile,
  defaultTokenPath,
  type Logger,
  type MetricReader,
  type MetricRegistry,
  removeTokenFile,
} from '@meltemi/runtime'
import type { RunningCodecs } from '../telemetry/running-codecs.ts'
import type { TrafficStore } from '../telemetry/traffic-store.ts'
import type { ApiHandler } from './api-request.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import type { Backend } from './backend.ts'
import { discoveryHandler } from './discovery.ts'
import { EventLog } from './event-log.ts'
import { liveHandler } from './live.ts'
import { pageHandler } from './page.ts'
import { processHandler } from './process-pages.ts'
import { proxiesHandler } from './proxies.ts'
import { resourcesHandler } from './resources-handler.ts'

export interface ApiOptions {
  readonly address: { readonly host: string; readonly port: number }
  readonly backend: Backend
  readonly traffic: TrafficStore
  readonly codecs: RunningCodecs
  readonly metrics: MetricRegistry & MetricReader
  readonly logger: Logger
  /** Of the program, for `/version`. */
  readonly version: string
  /** What changes must bring along; undefined: a new one, left in a file. */
  readonly token?: string | undefined
  /** Default: where programs of the same user look for it, by the port. */
  readonly tokenFile?: string | undefined
  /** How long a watcher may leave its stream unread; default 30 s. */
  readonly stallTimeoutMs?: number
}

/** The HTTP API of a control plane. */
export interface RunningApi {
  readonly address: { readonly host: string; readonly port: number }
  /** Undefined: the token was given. */
  readonly tokenFile: string | undefined
  /** Ends streams, lets other replies finish for up to a second, and takes the token's file away. */
  close(): Promise<void>
}

/** Rejects, with nothing left behind, when the address cannot be had or the token cannot be written. */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { backend, traffic, codecs, metrics, logger, version } = options
  const log = new EventLog(backend)
  const secret: { token: string | undefined } = { token: options.token }
  const handlers: readonly ApiHandler[] = [
    resourcesHandler({ backend, log }),
    discoveryHandler(),
    proxiesHandler({ backend, codecs }),
    processHandler({ backend, metrics, version }),
    liveHandler({ backend, traffic, version }),
    pageHandler(),
  ]
  let server: ApiServer | undefined
  try {
    server = await listen({ ...options, handlers, token: () => secret.token })
    const tokenFile = options.token === undefined ? (options.tokenFile ?? defaultTokenPath(server.port)) : undefined
    if (tokenFile !== undefined) secret.token = leaveToken(tokenFile)
    if (!isLoopback(options.address.host)) {
      logger.warn('the API listens beyond this machine: whoever reaches it can read the resources', options.address)
    }
    return runningApi(options, server, log, tokenFile, secret.token ?? '')
  } catch (error: unknown) {
    log.close()
    await server?.close()
    throw error
  }
}

function runningApi(
  { address }: ApiOptions,
  server: ApiServer,
  log: EventLog,
  tokenFile: string | undefined,
  token: string,
): RunningApi {
  return {
    address: { host: address.host, port: server.port },
    tokenFile,
    close: async () => {
      if (tokenFile !== undefined) removeTokenFile(tokenFile, token)
      await server.close()
      log.close()
    },
  }
}

async function listen(options: Parameters<typeof startApiServer>[0]): Promise<ApiServer> {
  const { host, port } = options.address
  try {
    return await startApiServer(options)
  } catch (cause: unknown) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'EADDRINUSE' ? 'the port is in use, choose another by --api-address' : message
    throw new Error(`the API cannot listen on ${host}:${port}: ${why}`, { cause })
  }
}

function leaveToken(file: string): string {
  try {
    return createTokenFile(file)
  } catch (cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`the token of the API cannot be written: ${reason}; name another file by --token-file`, { cause })
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
