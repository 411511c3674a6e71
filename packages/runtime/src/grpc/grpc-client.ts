import type { DescMessage, DescMethodBiDiStreaming, DescMethodUnary, MessageShape } from '@bufbuild/protobuf'
import {
  type CallOptions,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js'
import { type ClientTlsOptions, identityError } from '../client-tls-options.ts'
import { type OutgoingMessage, toMethodDefinition } from './grpc-method.ts'
import { GrpcCode, GrpcError, type GrpcStatus } from './grpc-status.ts'
import type { ClientStream, ClientStreamListener } from './grpc-stream.ts'
import { MessageWriter } from './message-writer.ts'

/** All in PEM. */
export interface GrpcClientTls {
  /** Of these one must have signed the server's certificate; without them Node's own. */
  readonly authorities?: Buffer
  /** What the client shows. */
  readonly certificates?: Buffer
  readonly privateKey?: Buffer
  /** The name that the server's certificate must have, if it is not the host of the address. */
  readonly serverName?: string
}

export interface GrpcClientOptions {
  /** `host:port`; an IPv6 address in brackets. */
  readonly address: string
  readonly tls?: GrpcClientTls | ClientTlsOptions
  /** What the server is told that it is called; the address if not said. */
  readonly authority?: string
  /** Of one message; 64 MiB. A larger one ends its call with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes?: number
  /** A server that says nothing for so long is asked whether it is there; 30,000. */
  readonly keepaliveTimeMs?: number
  /** One that does not answer in time is gone; 10,000. */
  readonly keepaliveTimeoutMs?: number
  /** The connection ends when there was no call for so long; 1,800,000. The next call makes another. */
  readonly idleTimeoutMs?: number
}

export interface CallSettings {
  /** Ends the call with DEADLINE_EXCEEDED. */
  readonly deadlineMs?: number
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal
  /** Sent along; names in lower case. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
  /** What the server is told that it is called, in this call. */
  readonly authority?: string
}

/** How a call ended: with a reply, or with an error. */
export type CallAnswer<Received extends DescMessage> = (
  error: GrpcError | null,
  reply: MessageShape<Received> | null,
) => void

/** Calls one server over one connection, which it makes when it is needed. */
export interface GrpcClient {
  /** Fails through `onClose`, with UNAVAILABLE when there is no connection to be had. */
  open<Sent extends DescMessage, Received extends DescMessage>(
    method: DescMethodBiDiStreaming<Sent, Received>,
    listener: ClientStreamListener<Received>,
    settings?: CallSettings,
  ): ClientStream<Sent>
  /** Rejects with a GrpcError. */
  call<Sent extends DescMessage, Received extends DescMessage>(
    method: DescMethodUnary<Sent, Received>,
    request: OutgoingMessage<Sent>,
    settings?: CallSettings,
  ): Promise<MessageShape<Received>>
  /**
   * As `call`, for those who make many: `answer` is called once, and not before this returns. What it returns cancels the
   * call, which is then answered with CANCELLED.
   */
  ask<Sent extends DescMessage, Received extends DescMessage>(
    method: DescMethodUnary<Sent, Received>,
    request: OutgoingMessage<Sent>,
    settings: CallSettings,
    answer: CallAnswer<Received>,
  ): () => void
  /** Makes the connection now, for a call to come. */
  connect(): void
  /** Ends the connection, and with it every call. */
  close(): void
}

const DEFAULT_MAX_RECEIVE_BYTES = 64 * 1024 * 1024
/** Who calls decides when to try again: the channel itself is ready for that soon. */
const MIN_RECONNECT_MS = 100
const MAX_RECONNECT_MS = 1_000

export function createGrpcClient(options: GrpcClientOptions): GrpcClient {
  return new ChannelClient(new Client(options.address, credentialsOf(options.tls), channelOptions(options)))
}

class ChannelClient implements GrpcClient {
  readonly #client: Client
  readonly #calls = new Set<{ cancel(): void }>()

  constructor(client: Client) {
    this.#client = client
  }

  open<Sent extends DescMessage, Received extends DescMessage>(
    method: DescMethodBiDiStreaming<Sent, Received>,
    listener: ClientStreamListener<Received>,
    settings: CallSettings = {},
  ): ClientStream<Sent> {
    const { path, requestSerialize, responseDeserialize } = toMethodDefinition(method)
    const options = callOptions(settings)
    const call = this.#client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      headersOf(settings),
      options,
    )
    const release = this.#keep(call, settings.signal)
    return new ClientCall(call, listener, release)
  }

  call<Sent extends DescMessage, Received extends DescMessage>(
    method: DescMethodUnary<Sent, Received>,
    request: OutgoingMessage<Sent>,
    settings: CallSettings = {},
  ): Promise<MessageShape<Received>> {
    return new Promise((resolve, reject) => {
      this.ask(method, request, settings, (error, reply) => {
        if (error === null) resolve(reply as MessageShape<Received>)
        else reject(error)
      })
    })
  }

  ask<Sent extends DescMessage, Received extends DescMessage>(
    method: DescMethodUnary<Sent, Received>,
    request: OutgoingMessage<Sent>,
    settings: CallSettings,
    answer: CallAnswer<Received>,
  ): () => void {
    const { path, requestSerialize, responseDeserialize } = toMethodDefinition(method)
    const call = this.#client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      headersOf(settings),
      callOptions(settings),
      (error: ServiceError | null, reply?: unknown) => {
        release()
        if (error === null) answer(null, reply as MessageShape<Received>)
        else answer(new GrpcError(error.code, error.details), null)
      },
    )
    const release = this.#keep(call, settings.signal)
    return () => call.cancel()
  }

  connect(): void {
    this.#client.getChannel().getConnectivityState(true)
  }

  close(): void {
    for (const call of this.#calls) call.cancel()
    this.#client.close()
  }

  /** Until the returned function is called. */
  #keep(call: { cancel(): void }, signal: AbortSignal | undefined): () => void {
    const cancel = () => call.cancel()
    this.#calls.add(call)
    signal?.addEventListener('abort', cancel)
    if (signal?.aborted) cancel()
    return () => {
      this.#calls.delete(call)
      signal?.removeEventListener('abort', cancel)
    }
  }
}

/** One call of a method in which both sides stream. */
class ClientCall<Sent extends DescMessage, Received extends DescMessage> implements ClientStream<Sent> {
  readonly #call: ClientDuplexStream<unknown, unknown>
  readonly #writer: MessageWriter
  #status: GrpcStatus = { code: GrpcCode.UNKNOWN, message: 'the call ended without a status' }

  constructor(
    call: ClientDuplexStream<unknown, unknown>,
    listener: ClientStreamListener<Received>,
    release: () => void,
  ) {
    this.#call = call
    this.#writer = new MessageWriter(call, () => this.#guard(() => listener.onDrain?.()))
    call.on('data', (message: MessageShape<Received>) => this.#guard(() => listener.onMessage(message)))
    // The status tells the same.
    call.on('error', () => {})
    call.once('status', (status: StatusObject) => this.#setStatus(status))
    // Follows the status, and every message.
    call.once('end', () => {
      release()
      call.destroy()
      listener.onClose(this.#status)
    })
  }

  get unsent(): number {
    return this.#writer.unsent
  }

  write(message: OutgoingMessage<Sent>): boolean {
    return this.#writer.write(message)
  }

  end(): void {
    this.#call.end()
  }

  cancel(): void {
    this.#call.cancel()
  }

  #setStatus({ code, details }: StatusObject): void {
    if (this.#status.code !== GrpcCode.INTERNAL) this.#status = { code, message: details }
  }

  /** A listener that throws must not end the process: it ends the call, and is told why. */
  #guard(run: () => void): void {
    try {
      run()
    } catch (error: unknown) {
      this.#status = { code: GrpcCode.INTERNAL, message: `the client failed: ${String(error)}` }
      this.cancel()
    }
  }
}

function channelOptions(options: GrpcClientOptions): ChannelOptions {
  const { serverName } = options.tls ?? {}
  return {
    'grpc.max_receive_message_length': options.maxReceiveBytes ?? DEFAULT_MAX_RECEIVE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': options.keepaliveTimeMs ?? 30_000,
    'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs ?? 10_000,
    'grpc.initial_reconnect_backoff_ms': MIN_RECONNECT_MS,
    'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_MS,
    // A connection of its own, which closes with the client.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    ...(options.idleTimeoutMs === undefined ? {} : { 'grpc.client_idle_timeout_ms': options.idleTimeoutMs }),
    ...(options.authority === undefined ? {} : { 'grpc.default_authority': options.authority }),
    ...(serverName === undefined
      ? {}
      : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName }),
  }
}

function credentialsOf(tls: GrpcClientTls | ClientTlsOptions | undefined) {
  if (tls === undefined) return credentials.createInsecure()
  if ('context' in tls) {
    const { context, verifiesChain, check } = tls
    return credentials.createFromSecureContext(context, {
      rejectUnauthorized: verifiesChain,
      checkServerIdentity: (_host, { raw }) => identityError(check, raw),
    })
  }
  return credentials.createSsl(tls.authorities ?? null, tls.privateKey ?? null, tls.certificates ?? null)
}

function headersOf({ headers = [] }: CallSettings): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of headers) metadata.add(name, value)
  return metadata
}

function callOptions({ deadlineMs, authority }: CallSettings): CallOptions {
  return {
    ...(deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }),
    ...(authority === undefined ? {} : { host: authority }),
  }
}
