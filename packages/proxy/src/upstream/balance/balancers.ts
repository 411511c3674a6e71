import type { Balancer } from './picker.ts'

/**
 * A balancer for each part of a cluster (priority, locality, subset): each has its own turn. Those of parts that were not
 * built since the endpoints changed the last time are forgotten.
 */
export class Balancers {
  readonly #create: () => Balancer
  #before = new Map<string, Balancer>()
  #now = new Map<string, Balancer>()

  constructor(create: () => Balancer) {
    this.#create = create
  }

  /** The endpoints have changed. */
  renew(): void {
    this.#before = this.#now
    this.#now = new Map()
  }

  of(part: string): Balancer {
    const balancer = this.#now.get(part) ?? this.#before.get(part) ?? this.#create()
    this.#now.set(part, balancer)
    return balancer
  }
}
