/** Filters of the proxy, each with a configuration of the listener and another one of a route, told apart by what they do. */

import assert from 'node:assert/strict'
import { type FilterConfig, parseBootstrap, type RouteConfig } from '@meltemi/api'
import { proxyFilters } from '@meltemi/proxy/filters'
import type { TestedProtocol } from './four-protocols.ts'

/** What becomes of three requests, and which counters say so. */
export interface Outcome {
  readonly answers: string
  readonly counters: readonly string[]
}

export interface OverriddenFilter {
  /** For titles. */
  readonly what: string
  readonly name: string
  readonly type: string
  /** Of the listener. */
  readonly base: object
  /** Of the one route. */
  readonly own: object
  /** The action of all routes. */
  readonly action: object
  readonly outcomes: { readonly base: Outcome; readonly own: Outcome; readonly off: Outcome }
}

/** Values of the property by which routes are told apart: one that configures the filter, and one that takes it away. */
export const OWN = '2'
export const OFF = '3'
export const NEITHER = '1'

const SERVICE = { cluster: 'service' }
const PASSES: Outcome = { answers: '+++', counters: [] }
const RBAC = 'envoy.extensions.filters'
const AERAKI = 'aeraki.meta_protocol_proxy.filters'
const ANYBODY = { one: { permissions: [{ any: true }], principals: [{ any: true }] } }

function limitOf(domain: string): object {
  return {
    domain,
    stat_prefix: domain,
    timeout: '20s',
    failure_mode_deny: true,
    rate_limit_service: { grpc_service: { envoy_grpc: { cluster_name: 'limits' } } },
    combined_descriptors: [{ actions: [{ generic_key: { descriptor_value: 'all' } }] }],
  }
}

function guardOf(who: string): object {
  const grpc_service = { envoy_grpc: { cluster_name: 'authz' }, timeout: '20s' }
  return { stat_prefix: who, grpc_service }
}

function bucketOf(tokens: number, prefix: string): object {
  const token_bucket = { max_tokens: tokens, tokens_per_fill: 1, fill_interval: '3600s' }
  return { stat_prefix: prefix, token_bucket }
}

/** The services that they ask are in the clusters `limits` and `authz`; who is called `base` is refused there. */
export const OVERRIDDEN_FILTERS: readonly OverriddenFilter[] = [
  {
    what: 'local rate limit',
    name: 'aeraki.meta_protocol.filters.local_ratelimit',
    type: `${AERAKI}.local_ratelimit.v1alpha.LocalRateLimit`,
    base: bucketOf(1, 'base'),
    own: bucketOf(2, 'own'),
    action: SERVICE,
    outcomes: {
      base: { answers: '+--', counters: ['base.local_rate_limit.ok', 'base.local_rate_limit.enforced'] },
      own: { answers: '++-', counters: ['own.local_rate_limit.ok', 'own.local_rate_limit.enforced'] },
      off: PASSES,
    },
  },
  {
    what: 'global rate limit',
    name: 'aeraki.meta_protocol.filters.ratelimit',
    type: `${AERAKI}.ratelimit.v1alpha.RateLimit`,
    base: limitOf('base'),
    own: limitOf('own'),
    action: SERVICE,
    outcomes: {
      base: { answers: '---', counters: ['ratelimit.base.over_limit'] },
      own: { answers: '+++', counters: ['ratelimit.own.ok'] },
      off: PASSES,
    },
  },
  {
    what: 'external authorization',
    name: 'meltemi.filters.ext_authz',
    type: 'meltemi.v1.ExtAuthz',
    base: { ...guardOf('base'), context_extensions: { who: 'base' } },
    own: { ...guardOf('own'), context_extensions: { who: 'own' } },
    action: SERVICE,
    outcomes: {
      base: { answers: '---', counters: ['ext_authz.base.denied'] },
      own: { answers: '+++', counters: ['ext_authz.own.ok'] },
      off: PASSES,
    },
  },
  {
    what: 'external authorization in the words of Envoy',
    name: 'envoy.filters.network.ext_authz',
    type: `${RBAC}.network.ext_authz.v3.ExtAuthz`,
    base: {
      ...guardOf('base'),
      transport_api_version: 'V3',
      grpc_service: { envoy_grpc: { cluster_name: 'nowhere' } },
    },
    own: { ...guardOf('own'), transport_api_version: 'V3' },
    action: SERVICE,
    outcomes: {
      base: { answers: '---', counters: ['ext_authz.base.error'] },
      own: { answers: '+++', counters: ['ext_authz.own.ok'] },
      off: PASSES,
    },
  },
  {
    what: 'authorization',
    name: 'meltemi.filters.authorization',
    type: `${RBAC}.network.rbac.v3.RBAC`,
    base: { stat_prefix: 'base', rules: { action: 'DENY', policies: ANYBODY } },
    own: { stat_prefix: 'own', rules: { action: 'ALLOW', policies: ANYBODY } },
    action: SERVICE,
    outcomes: {
      base: { answers: '---', counters: ['base.rbac.denied'] },
      own: { answers: '+++', counters: ['own.rbac.allowed'] },
      off: PASSES,
    },
  },
  {
    what: 'authorization in the words of Envoy for HTTP',
    name: 'envoy.filters.http.rbac',
    type: `${RBAC}.http.rbac.v3.RBAC`,
    base: { rules_stat_prefix: 'base.', rules: { action: 'DENY', policies: ANYBODY } },
    own: { rules_stat_prefix: 'own.', rules: { action: 'ALLOW', policies: ANYBODY } },
    action: SERVICE,
    outcomes: {
      base: { answers: '---', counters: ['rbac.base.denied'] },
      own: { answers: '+++', counters: ['rbac.own.allowed'] },
      off: PASSES,
    },
  },
  {
    what: 'fault',
    name: 'meltemi.filters.fault',
    type: 'meltemi.filters.fault.v1.Fault',
    base: { stat_prefix: 'base', abort: { error_type: 'Denied', percentage: { numerator: 100 } } },
    own: { stat_prefix: 'own', delay: { fixed_delay: '0.001s', percentage: { numerator: 100 } } },
    action: SERVICE,
    outcomes: {
      base: { answers: '---', counters: ['fault.base.aborts_injected'] },
      own: { answers: '+++', counters: ['fault.own.delays_injected'] },
      off: PASSES,
    },
  },
  {
    what: 'metadata operations',
    name: 'meltemi.filters.metadata',
    type: 'meltemi.filters.metadata.v1.MetadataOperations',
    base: { request: [{ key: 'to', set: { text: 'service' } }] },
    own: { request: [{ key: 'to', set: { text: 'other' } }] },
    action: { cluster_header: 'to' },
    outcomes: {
      base: { answers: '+++', counters: ['cluster.service.upstream_rq_total'] },
      own: { answers: '+++', counters: ['cluster.other.upstream_rq_total'] },
      off: { answers: '---', counters: [] },
    },
  },
]

export interface OverriddenConfig {
  readonly filters: readonly FilterConfig[]
  readonly routes: readonly RouteConfig[]
}

/** What a bootstrap says of the filter in a listener: `isBare` lists it without `config`. */
export function overriddenConfig(
  { name, type, base, own, action }: OverriddenFilter,
  { property: [key] }: Pick<TestedProtocol, 'property'>,
  options: { readonly isBare?: boolean } = {},
): OverriddenConfig {
  const typed = (config: object) => ({ '@type': `type.googleapis.com/${type}`, ...config })
  const route = (value: string, config: object) => ({
    name: `for ${value}`,
    match: { metadata: [{ name: key, exact_match: value }] },
    route: { ...action, typed_per_filter_config: { [name]: config } },
  })
  const disabled = { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true }
  const typed_config = {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: 'test',
    protocol: { name: 'test', codec: { name: 'any' } },
    meta_protocol_filters: [{ name, ...(options.isBare ? {} : { config: typed(base) }) }],
    route_config: { routes: [route(OWN, typed(own)), route(OFF, disabled), { name: 'rest', route: action }] },
  }
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  const listener = { name: 'test', address, filter_chains: [{ filters: [{ name: 'any', typed_config }] }] }
  const clusters = ['service', 'other', 'limits', 'authz', 'nowhere'].map((each) => ({ name: each }))
  const text = JSON.stringify({ static_resources: { clusters, listeners: [listener] } })
  const rules = new Map(proxyFilters.map((filter) => [filter.typeUrl, filter]))
  const { config, problems } = parseBootstrap(text, 'test.json', { filters: rules })
  assert.deepEqual(problems, [])
  const { filter } = config?.listeners[0] ?? assert.fail()
  assert.ok(filter.kind === 'meta-protocol')
  return { filters: filter.filters, routes: filter.routes.routes }
}
