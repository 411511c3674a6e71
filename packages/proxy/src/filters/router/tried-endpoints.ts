import type { MetadataCriteria } from '../../routing/metadata-criteria.ts'
import type { CompiledRoute } from '../../routing/route.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { Endpoint } from '../../upstream/endpoint.ts'
import type { RouterContext } from './router-context.ts'

export interface TriedParts {
  readonly context: RouterContext
  readonly route: CompiledRoute
  /** What the route asks of the endpoints of the cluster that it chose. */
  readonly criteria: MetadataCriteria | null
}

/** Where a request was tried, which is where it is not tried next if there is another place. */
export class TriedEndpoints {
  readonly #parts: TriedParts
  readonly #tried: Endpoint[]

  constructor(parts: TriedParts, first: Endpoint) {
    this.#parts = parts
    this.#tried = [first]
  }

  add(endpoint: Endpoint): void {
    this.#tried.push(endpoint)
  }

  /** One where it was not tried; undefined: there is none. */
  pickNew(cluster: Cluster): Endpoint | undefined {
    const endpoint = this.#pick(cluster)
    return endpoint === undefined || this.#tried.includes(endpoint) ? undefined : endpoint
  }

  /** When all have been tried it begins anew, but not where it has just been. */
  pickAgain(cluster: Cluster): Endpoint | undefined {
    const endpoint = this.#pick(cluster)
    const tried = this.#tried
    if (endpoint === undefined || tried.length < 2 || !tried.includes(endpoint)) return endpoint
    tried.splice(0, tried.length - 1)
    return this.#pick(cluster)
  }

  #pick(cluster: Cluster): Endpoint | undefined {
    const { context, route, criteria } = this.#parts
    const { pickRequest } = context
    pickRequest.criteria = criteria
    pickRequest.tried = this.#tried
    try {
      return cluster.pick(pickRequest.of(route, context.request))
    } finally {
      // others use it too
      pickRequest.tried = null
    }
  }
}
