/** A client, a proxy that asks a rate limit service, that service, and the one behind. */

import type { ClusterConfig, FilterConfig, GlobalRateLimitConfig } from '@meltemi/api'
import type { RateLimitRequest } from '@meltemi/api/rate-limit'
import { proxyFilters } from '@meltemi/proxy/filters'
import { type Metadata, ResponseStatus } from '@meltemi/sdk'
import { type EchoServer, type Handler, startEchoServer } from './echo-server.ts'
import { endAsked } from './end-asked.ts'
import { type TestedProtocol, THIRD_PARTY } from './four-protocols.ts'
import { type GrpcPeer, type LimitHandler, startLimitService } from './grpc-peer.ts'
import { connectClient, type RawClient } from './raw-client.ts'
import { startTestProxy, type TestProxy, type TestProxyOptions, testCluster } from './test-proxy.ts'

/** Long: what is tested is never how quick this machine is. */
export const LONG_MS = 30_000
const NO_REQUESTS = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 0, maxRetries: 3 }

export function limitFilter(
  { property }: Pick<TestedProtocol, 'property'>,
  changes: Partial<GlobalRateLimitConfig> = {},
): FilterConfig {
  const [key] = property
  const parsed: GlobalRateLimitConfig = {
    match: { metadata: [] },
    domain: 'test',
    grpcService: { cluster: 'limits', authority: '', headers: [], timeoutMs: LONG_MS },
    failureModeDeny: false,
    descriptors: [
      { entries: [{ kind: 'property', key: 'what', property: key, ignoreCase: false, isOptional: false }] },
    ],
    hitsAddend: 0,
    statPrefix: '',
    ...changes,
  }
  const typeUrl = 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.ratelimit.v1alpha.RateLimit'
  return { name: 'aeraki.meta_protocol.filters.ratelimit', typeUrl, config: {}, parsed }
}

export interface Limited extends AsyncDisposable {
  readonly service: EchoServer
  readonly limits: GrpcPeer<RateLimitRequest>
  readonly proxy: TestProxy
  readonly client: RawClient
}

export type LimitedProtocol = Pick<TestedProtocol, 'codec' | 'property'> & Partial<TestedProtocol>

export interface LimitedOptions {
  readonly protocol?: LimitedProtocol
  readonly handler?: LimitHandler
  readonly filter?: Partial<GlobalRateLimitConfig>
  readonly proxy?: Partial<TestProxyOptions>
  /** Changes to the cluster of the rate limit service. */
  readonly cluster?: Partial<ClusterConfig>
  /** What the service behind the proxy does. */
  readonly behaviour?: Handler
}

/** The end checks that nothing is under way, and nothing is held. */
export async function setUpLimited(options: LimitedOptions = {}): Promise<Limited> {
  const { protocol = THIRD_PARTY, handler, filter, proxy: changes, cluster, behaviour } = options
  const { codec, answer } = protocol
  const service = await startEchoServer({
    codec,
    ...(answer === undefined ? {} : { answer }),
    ...(behaviour === undefined ? {} : { handler: behaviour }),
  })
  const limits = await startLimitService(handler)
  const proxy = await startTestProxy({
    codec,
    clusters: [
      testCluster('service', [service.port]),
      testCluster('limits', [limits.port], cluster),
      testCluster('empty', []),
      testCluster('full', [limits.port], { circuitBreaker: NO_REQUESTS }),
    ],
    filters: proxyFilters,
    ...changes,
    filter: { filters: [limitFilter(protocol, filter)], ...changes?.filter },
  })
  const client = await connectClient({ port: proxy.port, codec })
  return {
    service,
    limits,
    proxy,
    client,
    [Symbol.asyncDispose]: () => endAsked({ client, proxy, service, asked: limits, cluster: 'limits' }),
  }
}

/** Each descriptor as `key=value;key=value`. */
export function askedFor(request: RateLimitRequest | undefined): string[] {
  return (request?.descriptors ?? []).map(({ entries }) => entries.map(({ key, value }) => `${key}=${value}`).join(';'))
}

export function textOf(reply: Metadata): string {
  return reply.message.toString('utf8', reply.headerSize)
}

export function isError({ status }: Metadata): boolean {
  return status === ResponseStatus.Error
}
