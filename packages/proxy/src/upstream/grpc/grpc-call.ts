import type { GrpcServiceConfig } from '@meltemi/api/model'
import {
  GrpcCode,
  GrpcError,
  type GrpcMessage,
  type MessageOf,
  type OutgoingMessage,
  type UnaryMethod,
} from '@meltemi/runtime/grpc'
import type { Cluster } from '../cluster.ts'
import type { Endpoint } from '../endpoint.ts'
import { bookRequest, bookTimeout, closeRequest } from '../request-books.ts'
import type { GrpcChannel } from './grpc-channel.ts'

/** Why there is no reply. */
export const GrpcFault = {
  /** The cluster is not there. */
  NoCluster: 0,
  /** It has no endpoint that can be asked. */
  NoEndpoint: 1,
  /** As many calls are under way as the cluster allows. */
  Overflow: 2,
  /** The reply has not come in time. */
  Timeout: 3,
  /** No connection, or an answer that is none. */
  Failed: 4,
} as const
/** One of the values of `GrpcFault`. */
export type GrpcFault = (typeof GrpcFault)[keyof typeof GrpcFault]

/** Who waits for a reply. */
export interface GrpcSink<Received extends GrpcMessage> {
  onGrpcReply(reply: MessageOf<Received>): void
  onGrpcFault(fault: GrpcFault): void
}

/** One call whose place in the limits of its cluster has been taken. */
export class GrpcCall<Received extends GrpcMessage> {
  readonly #cluster: Cluster
  readonly #endpoint: Endpoint
  readonly #channel: GrpcChannel
  readonly #sink: GrpcSink<Received>
  readonly #startedMs: number
  #cancel: (() => void) | null = null
  #isOver = false

  constructor(cluster: Cluster, endpoint: Endpoint, channel: GrpcChannel, sink: GrpcSink<Received>) {
    this.#cluster = cluster
    this.#endpoint = endpoint
    this.#channel = channel
    this.#sink = sink
    this.#startedMs = cluster.context.turn.nowMs
  }

  start<Sent extends GrpcMessage>(
    method: UnaryMethod<Sent, Received>,
    request: OutgoingMessage<Sent>,
    { timeoutMs, headers, authority }: GrpcServiceConfig,
  ): void {
    const settings = {
      headers,
      ...(timeoutMs === 0 ? {} : { deadlineMs: timeoutMs }),
      ...(authority === '' ? {} : { authority }),
    }
    this.#open()
    try {
      this.#cancel = this.#channel.client.ask(method, request, settings, (error, reply) => this.#answer(error, reply))
    } catch (error: unknown) {
      this.#answer(new GrpcError(GrpcCode.UNAVAILABLE, String(error)), null)
    }
  }

  /** Nobody waits for the reply any more. */
  cancel(): void {
    if (this.#isOver) return
    this.#cluster.context.stats.rqCancelled.add(1)
    this.#close()
    this.#cancel?.()
  }

  #answer(error: GrpcError | null, reply: MessageOf<Received> | null): void {
    if (this.#isOver) return
    const { context } = this.#cluster
    context.turn.refresh()
    this.#close()
    // nobody else would catch it
    try {
      if (error === null && reply !== null) this.#replied(reply)
      else this.#failed(error?.code ?? GrpcCode.UNKNOWN)
    } catch (thrown: unknown) {
      context.onFilterException(thrown)
    }
  }

  #replied(reply: MessageOf<Received>): void {
    this.#endpoint.requestsSucceeded++
    this.#endpoint.outlier?.onSuccess()
    this.#sink.onGrpcReply(reply)
  }

  #failed(code: number): void {
    const isLate = code === GrpcCode.DEADLINE_EXCEEDED
    if (isLate) {
      bookTimeout(this.#endpoint)
      this.#cluster.context.stats.rqTimeout.add(1)
    } else {
      this.#endpoint.requestsFailed++
      if (code === GrpcCode.UNAVAILABLE) this.#endpoint.outlier?.onNoReply()
      else this.#endpoint.outlier?.onErrorReply()
    }
    this.#sink.onGrpcFault(isLate ? GrpcFault.Timeout : GrpcFault.Failed)
  }

  #open(): void {
    bookRequest(this.#cluster, this.#endpoint)
    this.#channel.begin()
  }

  #close(): void {
    this.#isOver = true
    closeRequest(this.#cluster, this.#endpoint, this.#startedMs)
    this.#channel.end()
  }
}
