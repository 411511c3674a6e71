import type { ValidateOptions } from '@meltemi/api'

const NAMES = ['metadata_exchange.v1alpha.MetadataExchange', 'istio_stats.v1alpha.IstioStats']

/** What a proxy knows that reads what it was sent: that there are the filters, not what they make of their configuration. */
export const PROXY_RULES: ValidateOptions = {
  filters: new Map(
    NAMES.map((name) => [`aeraki.meta_protocol_proxy.filters.${name}`, { name, parse: (json: unknown) => json }]),
  ),
}
