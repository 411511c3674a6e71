import { durationFromMs } from '@bufbuild/protobuf/wkt'
import type { HedgePolicySchema, RetryPolicySchema } from '../gen/envoy/config/route/v3/route_components_pb.ts'
import type { HedgePolicyConfig, RetryPolicyConfig, RouteConfig } from '../model/index.ts'
import { fractionInit } from './fraction.ts'
import type { Init } from './init.ts'
import { matchersInit } from './match.ts'

/** Fields of a route's action, ours or HTTP's. */
export function retriesInit({ retry, hedge }: RouteConfig) {
  return {
    ...(retry === undefined ? {} : { retryPolicy: retryPolicyInit(retry) }),
    ...(hedge === undefined ? {} : { hedgePolicy: hedgePolicyInit(hedge) }),
  }
}

/** Field of a route, ours or HTTP's. */
export function requestBufferInit({ requestBufferLimitBytes }: RouteConfig) {
  return requestBufferLimitBytes === undefined ? {} : { perRequestBufferLimitBytes: requestBufferLimitBytes }
}

function retryPolicyInit(retry: RetryPolicyConfig): Init<typeof RetryPolicySchema> {
  const { retryOn, numRetries, perTryTimeoutMs, backOff } = retry
  return {
    retryOn: retryOn.join(','),
    numRetries,
    ...(perTryTimeoutMs === 0 ? {} : { perTryTimeout: durationFromMs(perTryTimeoutMs) }),
    retryBackOff: { baseInterval: durationFromMs(backOff.baseMs), maxInterval: durationFromMs(backOff.maxMs) },
    retriableHeaders: matchersInit({ metadata: retry.retriableHeaders }),
    retriableRequestHeaders: matchersInit({ metadata: retry.retriableRequestHeaders }),
  }
}

function hedgePolicyInit(hedge: HedgePolicyConfig): Init<typeof HedgePolicySchema> {
  return {
    initialRequests: hedge.initialRequests,
    additionalRequestChance: fractionInit(hedge.additionalChance),
    hedgeOnPerTryTimeout: hedge.onPerTryTimeout,
  }
}
