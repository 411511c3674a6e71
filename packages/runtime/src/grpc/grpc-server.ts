import { once } from 'node:events'
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { GrpcService } from './grpc-service.ts'

const CLOSE_TIMEOUT_MS = 1_000

export interface GrpcServerLimits {
  /** More are refused; 10,000. */
  readonly maxConnections: number
  /** Of one connection; 100. */
  readonly maxConcurrentStreams: number
  /** Of one message; 4 MiB. A larger one ends its call with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes: number
  /** A client that says nothing for so long is asked whether it is there; 30,000. */
  readonly keepaliveTimeMs: number
  /** One that does not answer in time is gone; 10,000. */
  readonly keepaliveTimeoutMs: number
  /** A connection without calls is closed after so long; 300,000. */
  readonly idleTimeoutMs: number
}

export const DEFAULT_GRPC_SERVER_LIMITS: GrpcServerLimits = {
  maxConnections: 10_000,
  maxConcurrentStreams: 100,
  maxReceiveBytes: 4 * 1024 * 1024,
  keepaliveTimeMs: 30_000,
  keepaliveTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
}

/** All in PEM. */
export interface GrpcServerTls {
  /** The server's own, followed by those that signed it. */
  readonly certificates: Buffer
  readonly privateKey: Buffer
  /** If given, clients must show a certificate that one of these has signed. */
  readonly clientAuthorities?: Buffer
}

export interface GrpcServerOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  readonly services: readonly GrpcService[]
  readonly tls?: GrpcServerTls
  readonly limits?: Partial<GrpcServerLimits>
  /** A handler threw. */
  readonly onError?: (error: unknown) => void
}

export interface GrpcServer {
  readonly port: number
  /**
   * For connections that come from now on, of a server that has TLS; whether clients must show a certificate stays as it is.
   * Throws for what is no key of its certificate: then the one before stays.
   */
  setTls(tls: GrpcServerTls): void
  /** No new calls; those under way have `graceMs` to end, 1,000 unless given, before their connections are closed. */
  close(graceMs?: number): Promise<void>
}

/** Rejects when the address cannot be had. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const limits = { ...DEFAULT_GRPC_SERVER_LIMITS, ...options.limits }
  const server = new Server(serverOptions(limits))
  for (const service of options.services) {
    server.addService(service.definition, service.implement(options.onError ?? (() => {})))
  }
  const credentials = credentialsOf(options.tls)
  const injector = server.createConnectionInjector(credentials)
  // grpc-js would listen by itself, but could neither limit connections nor close them.
  const sockets = new Set<Socket>()
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    injector.injectConnection(socket)
  })
  listener.maxConnections = limits.maxConnections
  listener.listen({ host: options.host, port: options.port })
  try {
    await once(listener, 'listening')
  } catch (error: unknown) {
    server.forceShutdown()
    throw error
  }
  // A connection that cannot be accepted is the client's loss; it tries again.
  listener.on('error', (error) => options.onError?.(error))
  return {
    port: portOf(listener),
    setTls: (tls) => setTls(credentials, tls),
    close: (graceMs) => close(server, listener, sockets, graceMs ?? CLOSE_TIMEOUT_MS),
  }
}

function serverOptions(limits: GrpcServerLimits) {
  return {
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams,
    'grpc.max_receive_message_length': limits.maxReceiveBytes,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': limits.keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    'grpc.max_connection_idle_ms': limits.idleTimeoutMs,
    'grpc.enable_channelz': 0,
  }
}

function credentialsOf(tls: GrpcServerTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure()
  const pair = { private_key: tls.privateKey, cert_chain: tls.certificates }
  const { clientAuthorities } = tls
  return ServerCredentials.createSsl(clientAuthorities ?? null, [pair], clientAuthorities !== undefined)
}

/** What grpc-js does by itself for certificates from files, but not for those that it is given. */
function setTls(credentials: ServerCredentials, { certificates, privateKey, clientAuthorities }: GrpcServerTls): void {
  const ca = clientAuthorities === undefined ? {} : { ca: clientAuthorities }
  const options = { cert: [certificates], key: [privateKey], ...ca }
  // else grpc-js would refuse every connection
  createSecureContext(options)
  credentials['updateSecureContextOptions'](options)
}

function portOf(listener: NetServer): number {
  const address = listener.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function close(server: Server, listener: NetServer, sockets: Set<Socket>, graceMs: number): Promise<void> {
  if (!listener.listening) return
  const closed = once(listener, 'close')
  listener.close()
  server.tryShutdown(() => {})
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, graceMs)
  await closed
  clearTimeout(timer)
}
