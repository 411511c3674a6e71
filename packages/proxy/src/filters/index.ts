export { istioStats } from './istio-stats/istio-stats.ts'
export { MESH_LIMITS } from './mesh-limits.ts'
export { metadataExchange } from './metadata-exchange/metadata-exchange.ts'
export { proxyFilters } from './proxy-filters.ts'
