import type { GrpcServiceConfig } from '@meltemi/api/model'
import {
  createGrpcClient,
  type GrpcClient,
  type GrpcClientOptions,
  type GrpcMessage,
  type OutgoingMessage,
  type UnaryMethod,
} from '@meltemi/runtime/grpc'
import type { PickContext } from '../balance/picker.ts'
import type { Cluster } from '../cluster.ts'
import type { ClusterManager } from '../cluster-manager.ts'
import type { ThreadContext } from '../context.ts'
import type { Endpoint } from '../endpoint.ts'
import { LimitKind } from '../limits.ts'
import { GrpcCall, GrpcFault, type GrpcSink } from './grpc-call.ts'
import { GrpcChannel } from './grpc-channel.ts'

/** A connection without calls ends after this. */
const IDLE_MS = 300_000
/** Of one reply. */
const MAX_REPLY_BYTES = 1024 * 1024

export type DialGrpc = (options: GrpcClientOptions) => GrpcClient

/**
 * Calls gRPC services for the filters of one thread: the cluster's own balancing chooses the endpoint, to which there is
 * one HTTP/2 connection, made when it is needed and again after a failure. `max_requests` of the cluster bounds the calls
 * under way, over all threads. A cluster is asked in gRPC whether its configuration says `http2` or not.
 */
export class GrpcCaller {
  readonly #clusters: ClusterManager
  readonly #thread: ThreadContext
  readonly #dial: DialGrpc
  readonly #pickContext: PickContext
  #isStopped = false

  constructor(clusters: ClusterManager, thread: ThreadContext, dial: DialGrpc = createGrpcClient) {
    this.#clusters = clusters
    this.#thread = thread
    this.#dial = dial
    const { random } = thread
    this.#pickContext = { hasHash: false, hashHigh: 0, hashLow: 0, criteria: null, tried: null, random }
  }

  /**
   * `sink` is told of the reply or the fault, once: of a fault maybe before this returns, and then it returns null.
   * Nothing is tried twice.
   */
  call<Sent extends GrpcMessage, Received extends GrpcMessage>(
    service: GrpcServiceConfig,
    method: UnaryMethod<Sent, Received>,
    request: OutgoingMessage<Sent>,
    sink: GrpcSink<Received>,
  ): GrpcCall<Received> | null {
    const cluster = this.#isStopped ? undefined : this.#clusters.get(service.cluster)
    if (cluster === undefined) return refuse(sink, GrpcFault.NoCluster)
    const { limits, stats } = cluster.context
    if (!limits.tryAcquire(LimitKind.Requests)) {
      stats.rqOverflow.add(1)
      return refuse(sink, GrpcFault.Overflow)
    }
    const endpoint = cluster.pick(this.#pickContext)
    if (endpoint === undefined) {
      limits.release(LimitKind.Requests)
      stats.cxNoneHealthy.add(1)
      return refuse(sink, GrpcFault.NoEndpoint)
    }
    const channel = this.#channelTo(cluster, endpoint)
    if (channel === null) {
      limits.release(LimitKind.Requests)
      return refuse(sink, GrpcFault.NoEndpoint)
    }
    const call = new GrpcCall(cluster, endpoint, channel, sink)
    call.start(method, request, service)
    return call
  }

  /** Makes the connections to a cluster, as far as its endpoints are known then, in the next turn: calls will come. */
  connectSoon(name: string): void {
    this.#thread.clock.setTimer(0, () => this.#connect(name))
  }

  /** No new calls, and no new connections. Those that are there belong to their endpoints. */
  stop(): void {
    this.#isStopped = true
  }

  #connect(name: string): void {
    const cluster = this.#clusters.get(name)
    if (cluster === undefined || this.#isStopped) return
    for (const endpoint of cluster.endpoints) this.#channelTo(cluster, endpoint)?.client.connect()
  }

  /**
   * A name of DNS may have moved on: its endpoint is the same, at another address. Secrets may have changed: calls under way
   * end on the connection that was made with those before. null: a secret is not here yet.
   */
  #channelTo(cluster: Cluster, endpoint: Endpoint): GrpcChannel | null {
    const { address, channel } = endpoint
    const { grpcTls } = cluster.context
    const version = grpcTls === undefined ? 0 : grpcTls.version
    if (channel !== null && channel.address === address && channel.secretsVersion === version) return channel
    const tls = grpcTls?.options()
    if (grpcTls !== undefined && tls === undefined) return null
    channel?.drain()
    const options = { address, maxReceiveBytes: MAX_REPLY_BYTES, idleTimeoutMs: IDLE_MS }
    const created = new GrpcChannel(address, version, this.#dial(tls === undefined ? options : { ...options, tls }))
    endpoint.channel = created
    return created
  }
}

function refuse(sink: GrpcSink<never>, fault: GrpcFault): null {
  sink.onGrpcFault(fault)
  return null
}
