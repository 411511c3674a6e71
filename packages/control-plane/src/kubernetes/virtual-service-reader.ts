import { completeHost } from '../store/host-name.ts'
import type { ServiceView } from '../store/world.ts'
import { hasNativePort } from '../translate/envoy-filters/filter-ports.ts'
import {
  type CompleteHost,
  type MeshVirtualService,
  VirtualServiceIndex,
} from '../translate/envoy-filters/virtual-service-index.ts'
import type { Cluster } from './connect-cluster.ts'
import { ISTIO_PATH } from './labelled-objects.ts'
import { listObjects } from './list-objects.ts'
import type { WriteRound } from './write-round.ts'

export const VIRTUAL_SERVICES_PATH = `${ISTIO_PATH}/virtualservices`

/** Asks for the VirtualServices of a cluster, each time. */
export class VirtualServiceReader {
  readonly #cluster: Cluster
  readonly #none: VirtualServiceIndex
  readonly #complete: CompleteHost

  constructor(cluster: Cluster, domain: string) {
    this.#cluster = cluster
    this.#complete = (host, namespace) => completeHost(host, namespace, domain)
    this.#none = new VirtualServiceIndex(this.#complete)
  }

  /** None, where they would decide about none of the services; undefined: they cannot be read, and the round says so. */
  async read(views: readonly ServiceView[], round: WriteRound): Promise<VirtualServiceIndex | undefined> {
    if (!views.some(hasNativePort)) return this.#none
    try {
      const { items } = await listObjects(this.#cluster, VIRTUAL_SERVICES_PATH, { signal: round.signal })
      return new VirtualServiceIndex(this.#complete, items as readonly MeshVirtualService[])
    } catch (error: unknown) {
      round.fail('VirtualServices', error)
      return undefined
    }
  }
}
