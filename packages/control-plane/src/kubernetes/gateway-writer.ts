import { compareAge } from '../store/precedence.ts'
import type { ServiceView, World } from '../store/world.ts'
import type { EnvoyFilter } from '../translate/envoy-filters/envoy-filter.ts'
import type { MeshSettings } from '../translate/envoy-filters/mesh-settings.ts'
import type { FilterNote } from '../translate/envoy-filters/translate-envoy-filters.ts'
import { type Gateway, translateGateways } from '../translate/envoy-filters/translate-gateways.ts'
import type { VirtualService } from '../translate/envoy-filters/virtual-service.ts'
import type { Cluster } from './connect-cluster.ts'
import { ISTIO_PATH, LabelledObjects } from './labelled-objects.ts'
import { listObjects } from './list-objects.ts'
import { planObjects, type StoredObject } from './object-plan.ts'
import { hostOfGatewayFilter, hostOfVirtualService } from './stale-objects.ts'
import type { WriteRound } from './write-round.ts'

export const GATEWAYS_PATH = `${ISTIO_PATH}/gateways`

/** What gateways are led by, besides themselves. */
export interface GatewayWriterInputs {
  readonly world: World
  /** Hosts of services that are not in force, whose gateways keep what they have. */
  readonly otherHosts: readonly string[]
  readonly mesh: MeshSettings
  /** EnvoyFilters with our label. */
  readonly stored: readonly StoredObject[]
}

/** Keeps the EnvoyFilters and VirtualServices of gateways as routers want them. */
export class GatewayWriter {
  readonly #cluster: Cluster
  readonly #filters: LabelledObjects<EnvoyFilter>
  readonly #virtualServices: LabelledObjects<VirtualService>

  constructor(cluster: Cluster, filters: LabelledObjects<EnvoyFilter>) {
    this.#cluster = cluster
    this.#filters = filters
    this.#virtualServices = new LabelledObjects(cluster, 'VirtualService')
  }

  /** Resolves with what is to be said. Rejects when it cannot be found out what there is. */
  async run(inputs: GatewayWriterInputs, round: WriteRound): Promise<readonly FilterNote[]> {
    const { world, otherHosts, mesh, stored } = inputs
    const { items } = await listObjects(this.#cluster, GATEWAYS_PATH, { signal: round.signal })
    const services = servicesWithRouters(world)
    const made = translateGateways({ gateways: items as readonly Gateway[], services, mesh })
    const kept = new Set([...otherHosts, ...made.notes.filter(({ keepsOld }) => keepsOld).map(({ host }) => host)])
    const isStale = (host: string | undefined) => host !== undefined && !kept.has(host)
    const filters = planObjects({
      stored,
      wanted: made.filters,
      isStale: (old) => isStale(hostOfGatewayFilter(old)),
    })
    const virtualServices = planObjects({
      stored: await this.#virtualServices.list(round.signal),
      wanted: made.virtualServices,
      isStale: (old) => isStale(hostOfVirtualService(old)),
    })
    // nobody is led to a service by a gateway that does not know its protocol
    await this.#filters.save(filters, round)
    await this.#virtualServices.save(virtualServices, round)
    await this.#virtualServices.remove(virtualServices, round)
    await this.#filters.remove(filters, round)
    return made.notes
  }
}

/** That with the oldest router first. */
function servicesWithRouters({ services }: World): readonly ServiceView[] {
  const routed = [...services.values()].flatMap((view) =>
    view.router === undefined ? [] : [[view.router, view] as const],
  )
  return routed.sort(([a], [b]) => compareAge(a, b)).map(([, view]) => view)
}
