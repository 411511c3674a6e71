import type { DescMessage, DescMethod, DescService, MessageShape } from '@bufbuild/protobuf'
import type {
  handleUnaryCall,
  ServerDuplexStream,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { type OutgoingMessage, toMethodDefinition } from './grpc-method.ts'
import { GrpcCode, GrpcError, type GrpcStatus } from './grpc-status.ts'
import type { ServerStream, ServerStreamListener } from './grpc-stream.ts'
import { MessageWriter } from './message-writer.ts'

/** Starts one call. */
export type StreamHandler<Received extends DescMessage, Sent extends DescMessage> = (
  stream: ServerStream<Sent>,
) => ServerStreamListener<Received>

/**
 * Answers one call; what it throws is its failure: a GrpcError as it is, anything else as INTERNAL. `peerUris`: as a stream
 * has them.
 */
export type UnaryHandler<Received extends DescMessage, Sent extends DescMessage> = (
  request: MessageShape<Received>,
  peerUris: readonly string[],
) => OutgoingMessage<Sent> | Promise<OutgoingMessage<Sent>>

type MethodHandler<Method extends DescMethod> = Method['methodKind'] extends 'bidi_streaming'
  ? StreamHandler<Method['input'], Method['output']>
  : Method['methodKind'] extends 'unary'
    ? UnaryHandler<Method['input'], Method['output']>
    : never

/** A handler for each method that is served; the others answer UNIMPLEMENTED. */
export type ServiceHandlers<Service extends DescService> = {
  readonly [Name in keyof Service['method']]?: MethodHandler<Service['method'][Name]>
}

/** A service that a server can have, made by `grpcService`. */
export interface GrpcService {
  readonly definition: ServiceDefinition
  implement(onError: (error: unknown) => void): UntypedServiceImplementation
}

/** Joins a service, as generated, with the functions that serve it. */
export function grpcService<Service extends DescService>(
  service: Service,
  handlers: ServiceHandlers<Service>,
): GrpcService {
  const served = service.methods.filter(({ localName }) => Object.hasOwn(handlers, localName))
  const definitions = served.map((method) => [method.localName, toMethodDefinition(method)])
  return {
    definition: Object.fromEntries(definitions),
    implement: (onError) =>
      Object.fromEntries(
        served.map((method) => [method.localName, implement(method, handlers[method.localName], onError)]),
      ),
  }
}

type AnyStreamHandler = StreamHandler<DescMessage, DescMessage>
type AnyUnaryHandler = UnaryHandler<DescMessage, DescMessage>

function implement(method: DescMethod, handler: unknown, onError: (error: unknown) => void): UntypedHandleCall {
  return method.methodKind === 'unary'
    ? answerCalls(handler as AnyUnaryHandler, onError)
    : (call: ServerDuplexStream<unknown, unknown>) => new ServerCall(call, handler as AnyStreamHandler, onError)
}

function answerCalls(
  handler: AnyUnaryHandler,
  onError: (error: unknown) => void,
): handleUnaryCall<MessageShape<DescMessage>, unknown> {
  return async (call, callback) => {
    try {
      callback(null, await handler(call.request, peerUris(call)))
    } catch (error: unknown) {
      if (!(error instanceof GrpcError)) onError(error)
      const { code, message } = error instanceof GrpcError ? error : INTERNAL
      callback({ code, details: message })
    }
  }
}

/** Node writes them as `URI:spiffe://a/b, DNS:c`; names that could be taken for several are in quotes, and are none. */
function peerUris(call: Pick<ServerDuplexStream<unknown, unknown>, 'getAuthContext'>): readonly string[] {
  const names = call.getAuthContext().sslPeerCertificate?.subjectaltname ?? ''
  return names.split(', ').flatMap((name) => (/^URI:[^"]+$/.test(name) ? [name.slice('URI:'.length)] : []))
}

const INTERNAL: GrpcStatus = { code: GrpcCode.INTERNAL, message: 'internal error, see the log of the server' }

/** One call of a method in which both sides stream. */
class ServerCall implements ServerStream<DescMessage> {
  readonly peer: string
  readonly peerUris: readonly string[]
  readonly #call: ServerDuplexStream<unknown, unknown>
  readonly #onError: (error: unknown) => void
  readonly #writer: MessageWriter
  #listener: ServerStreamListener<DescMessage> | undefined

  constructor(
    call: ServerDuplexStream<unknown, unknown>,
    handler: AnyStreamHandler,
    onError: (error: unknown) => void,
  ) {
    this.peer = call.getPeer()
    this.peerUris = peerUris(call)
    this.#call = call
    this.#onError = onError
    this.#writer = new MessageWriter(call, () => this.#guard(() => this.#listener?.onDrain?.()))
    this.#guard(() => {
      this.#listener = handler(this)
    })
    call.on('data', (message: MessageShape<DescMessage>) => this.#guard(() => this.#listener?.onMessage(message)))
    call.on('end', () => this.#guard(() => this.#end()))
    call.on('close', () => this.#guard(() => this.#listener?.onClose()))
  }

  get unsent(): number {
    return this.#writer.unsent
  }

  write(message: OutgoingMessage<DescMessage>): boolean {
    return this.#writer.write(message)
  }

  end(): void {
    this.#call.end()
  }

  fail({ code, message }: GrpcStatus): void {
    // This is how grpc-js wants to be told; it listens itself, so nothing is thrown.
    if (this.#call.writable) this.#call.emit('error', { code, details: message })
  }

  #end(): void {
    if (this.#listener?.onEnd === undefined) this.end()
    else this.#listener.onEnd()
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error: unknown) {
      this.#onError(error)
      this.fail(INTERNAL)
    }
  }
}
