// What is configured beside a plain proxy: as much of each policy as there is in a mesh, and nothing that ever refuses a
// request of the load, so that the same work is done with it and without it.

import type { WireName } from '../load/wire.ts'

const RULES = 10
const FILTERS = 'type.googleapis.com/aeraki.meta_protocol_proxy.filters'

/** A property of every request of the load, and its value. */
const PROPERTIES: Readonly<Record<WireName, readonly [name: string, value: string]>> = {
  awesomerpc: ['cmd', '7'],
  thrift: ['method', 'echo'],
  dubbo: ['method', 'echo'],
}

/** Fields of a MetaProtocolProxy. */
export type ProxyFields = (wire: WireName) => object

export const limitFields: ProxyFields = () => withFilters([LIMIT])
export const rulesFields: ProxyFields = (wire) => withFilters([authorization(wire)])
export const retryFields: ProxyFields = () => withRoutes([{ name: 'all', route: RETRIED }])

/** All three together. */
export const policyFields: ProxyFields = (wire) => ({
  ...withFilters([LIMIT, authorization(wire)]),
  ...retryFields(wire),
})

/** Exact routes of which the last one is that of the load. */
export function routeFields(wire: WireName, count: number): object {
  const [name, value] = PROPERTIES[wire]
  const routes = Array.from({ length: count }, (_, index) => ({
    name: `route-${index}`,
    match: { metadata: [{ name, exact_match: index === count - 1 ? value : `other-${index}` }] },
    route: { cluster: 'backend' },
  }))
  return withRoutes(routes)
}

const RETRIED = {
  cluster: 'backend',
  retry_policy: {
    retry_on: 'connect-failure,reset,error-status,non-idempotent',
    num_retries: 2,
    per_try_timeout: '2s',
  },
}

const LIMIT = {
  name: 'aeraki.meta_protocol.filters.local_ratelimit',
  config: {
    '@type': `${FILTERS}.local_ratelimit.v1alpha.LocalRateLimit`,
    stat_prefix: 'benchmark',
    token_bucket: { max_tokens: 200_000_000, tokens_per_fill: 200_000_000, fill_interval: '1s' },
  },
}

const ROUTER = { name: 'aeraki.meta_protocol.filters.router' }

/** The last of them is the one that lets the load in, so each request is asked everything. */
function authorization(wire: WireName): object {
  const [name, value] = PROPERTIES[wire]
  const clients = { direct_remote_ip: { address_prefix: '127.0.0.0', prefix_len: 8 } }
  const has = (match: object): object => ({ header: { name, string_match: match } })
  const others = Array.from({ length: RULES - 1 }, (_, index) => ({
    permissions: [{ or_rules: { rules: [has({ exact: `other-${index}` }), has({ prefix: `admin-${index}-` })] } }],
    principals: [clients],
  }))
  const own = { permissions: [has({ exact: value })], principals: [clients] }
  // policies are tried in the order of their names
  const policies = [...others, own].map((policy, index) => [`rule-${String(index).padStart(2, '0')}`, policy] as const)
  return {
    name: 'meltemi.filters.authorization',
    config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC',
      stat_prefix: 'benchmark.',
      rules: { action: 'ALLOW', policies: Object.fromEntries(policies) },
    },
  }
}

function withFilters(filters: readonly object[]): object {
  return { meta_protocol_filters: [...filters, ROUTER] }
}

function withRoutes(routes: readonly object[]): object {
  return { route_config: { name: 'all', routes } }
}
