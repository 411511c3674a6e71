import type { ValidateOptions } from '@meltemi/api'

const TYPES = [
  'aeraki.meta_protocol_proxy.filters.metadata_exchange.v1alpha.MetadataExchange',
  'aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.IstioStats',
  'meltemi.filters.fault.v1.Fault',
  'envoy.extensions.filters.network.rbac.v3.RBAC',
]

/** What a proxy knows that reads what it was sent: that there are the filters, not what they make of their configuration. */
export const PROXY_RULES: ValidateOptions = {
  filters: new Map(TYPES.map((name) => [name, { name, parse: (json: unknown) => json }])),
}
