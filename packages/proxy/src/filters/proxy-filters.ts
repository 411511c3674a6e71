import type { FilterDefinition } from '@meltemi/sdk'
import { istioStats } from './istio-stats/istio-stats.ts'
import { metadataExchange } from './metadata-exchange/metadata-exchange.ts'

/** The filters of the proxy itself. */
export const proxyFilters: readonly FilterDefinition[] = [metadataExchange, istioStats]
