/** Proxies that refuse requests by RBAC, as a bootstrap says it. */

import assert from 'node:assert/strict'
import { type FilterConfig, parseBootstrap } from '@meltemi/api'
import { proxyFilters } from '@meltemi/proxy/filters'
import type { Metadata } from '@meltemi/sdk'
import { errorOf, type TestedProtocol } from './four-protocols.ts'
import { startTestProxy, type TestProxy, type TestProxyOptions } from './test-proxy.ts'

const DENIALS: Readonly<Record<string, string>> = {
  awesomerpc: 'rsp_code 1',
  // internal error
  thrift: 'type 6',
  dubbo: 'status 70',
  'third-party': "meta protocol authorization: request '7' is denied",
}

/** The reply to a denied request with the id 7. */
export function assertDenied(protocol: TestedProtocol, reply: Metadata): void {
  assert.equal(errorOf(protocol, reply), DENIALS[protocol.name])
  if (protocol.hasText) assert.ok(reply.message.includes(DENIALS['third-party'] as string))
}

/** A filter as a bootstrap has it: what is wrong with it fails the test. */
export function rbacFilter(rbac: object, kind: 'network' | 'http' = 'network'): FilterConfig {
  const prefix = kind === 'network' ? { stat_prefix: 'authz' } : {}
  const type = `type.googleapis.com/envoy.extensions.filters.${kind}.rbac.v3.RBAC`
  const proxy = {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: 'test',
    protocol: { name: 'test', codec: { name: 'any' } },
    route_config: { routes: [{ route: { cluster: 'service' } }] },
    meta_protocol_filters: [{ name: 'authorization', config: { '@type': type, ...prefix, ...rbac } }],
  }
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  const listener = { address, filter_chains: [{ filters: [{ name: 'any', typed_config: proxy }] }] }
  const bootstrap = { static_resources: { clusters: [{ name: 'service' }], listeners: [listener] } }
  const filters = new Map(proxyFilters.map((filter) => [filter.typeUrl, filter]))
  const { config, problems } = parseBootstrap(JSON.stringify(bootstrap), 'test.json', { filters })
  assert.deepEqual(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  )
  const filter = config?.listeners[0]?.filter
  assert.ok(filter?.kind === 'meta-protocol')
  return filter.filters[0] as FilterConfig
}

/** Rules of one policy. */
export function rbacRules(action: string, permission: object, principal: object = { any: true }): object {
  return { action, policies: { one: { permissions: [permission], principals: [principal] } } }
}

/** A HeaderMatcher for a value. */
export function hasValue(name: string, exact: string): object {
  return { header: { name, string_match: { exact } } }
}

export function startAuthorizedProxy(filters: readonly FilterConfig[], options: TestProxyOptions): Promise<TestProxy> {
  return startTestProxy({ ...options, filters: proxyFilters, filter: { ...options.filter, filters } })
}
