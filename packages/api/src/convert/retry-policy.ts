import {
  type HedgePolicyConfig,
  RETRY_CONDITIONS,
  type RetryCondition,
  type RetryPolicyConfig,
} from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertFraction } from './fraction.ts'
import { convertMatcher } from './match.ts'

const BASE_MS = 25
/** Of the base interval, where the longest is not said. */
const MAX_BASES = 10
const NEVER = { numerator: 0, denominator: 100 } as const
/** Only the hosts that were tried are told apart, and they are avoided whether it is said or not. */
const PREVIOUS_HOSTS = 'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'

/** Fields `retry_policy` and `hedge_policy` of a route's action, ours or HTTP's. */
export function convertRetries(action: ConfigMessage): { retry?: RetryPolicyConfig; hedge?: HedgePolicyConfig } {
  const retry = action.message('retry_policy')
  const hedge = action.message('hedge_policy')
  if (hedge !== undefined && retry === undefined && !action.isBroken('retry_policy'))
    action.error('hedge_policy', 'needs a retry_policy, which says how many tries there may be')
  return {
    ...(retry === undefined ? {} : { retry: convertRetryPolicy(retry) }),
    ...(hedge === undefined ? {} : { hedge: convertHedgePolicy(hedge, retry) }),
  }
}

function convertRetryPolicy(policy: ConfigMessage): RetryPolicyConfig {
  const retryOn = convertRetryOn(policy)
  refuseOtherPredicates(policy)
  return {
    retryOn,
    numRetries: policy.number('num_retries') ?? 1,
    perTryTimeoutMs: policy.durationMs('per_try_timeout') ?? 0,
    backOff: convertBackOff(policy.message('retry_back_off')),
    retriableHeaders: convertRetriableHeaders(policy, retryOn),
    retriableRequestHeaders: policy.messages('retriable_request_headers').map(convertMatcher),
  }
}

function convertRetryOn(policy: ConfigMessage): readonly RetryCondition[] {
  const names = policy
    .text('retry_on')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const known: readonly string[] = RETRY_CONDITIONS
  for (const name of names)
    if (!known.includes(name))
      policy.error('retry_on', `there is no condition "${name}", known are: ${known.join(', ')}`)
  // as written, each once
  return RETRY_CONDITIONS.filter((condition) => names.includes(condition))
}

function convertRetriableHeaders(policy: ConfigMessage, retryOn: readonly RetryCondition[]) {
  const matchers = policy.messages('retriable_headers').map(convertMatcher)
  const isListed = retryOn.includes('retriable-headers')
  if (matchers.length > 0 && !isListed) policy.error('retriable_headers', 'needs "retriable-headers" in retry_on')
  if (matchers.length === 0 && isListed) policy.error('retry_on', '"retriable-headers" needs retriable_headers')
  return matchers
}

function refuseOtherPredicates(policy: ConfigMessage): void {
  for (const predicate of policy.messages('retry_host_predicate')) {
    const config = predicate.any('typed_config')
    if (config === undefined) predicate.reportMissing('typed_config')
    else if (config.typeName !== PREVIOUS_HOSTS) predicate.error('typed_config', `only ${PREVIOUS_HOSTS} is supported`)
  }
}

function convertBackOff(backOff: ConfigMessage | undefined): RetryPolicyConfig['backOff'] {
  if (backOff === undefined) return { baseMs: BASE_MS, maxMs: BASE_MS * MAX_BASES }
  if (!backOff.has('base_interval')) backOff.reportMissing('base_interval')
  const baseMs = backOff.durationMs('base_interval') ?? BASE_MS
  const maxMs = backOff.durationMs('max_interval') ?? baseMs * MAX_BASES
  if (maxMs < baseMs) backOff.error('max_interval', 'must not be less than base_interval')
  return { baseMs, maxMs }
}

function convertHedgePolicy(hedge: ConfigMessage, retry: ConfigMessage | undefined): HedgePolicyConfig {
  const chance = hedge.message('additional_request_chance')
  const onPerTryTimeout = hedge.flag('hedge_on_per_try_timeout') ?? false
  if (onPerTryTimeout && retry !== undefined && !retry.has('per_try_timeout'))
    hedge.error('hedge_on_per_try_timeout', 'needs per_try_timeout in retry_policy')
  return {
    initialRequests: hedge.number('initial_requests') ?? 1,
    additionalChance: chance === undefined ? NEVER : convertFraction(chance),
    onPerTryTimeout,
  }
}
