import { type EnvoyFilter, MANAGER_LABELS } from '../translate/envoy-filters/envoy-filter.ts'
import type { VirtualService } from '../translate/envoy-filters/virtual-service.ts'
import { callApi } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'
import { listObjects } from './list-objects.ts'
import type { ObjectPlan, StoredObject } from './object-plan.ts'
import type { WriteRound } from './write-round.ts'

export const ISTIO_PATH = '/apis/networking.istio.io/v1alpha3'
const LABELS = Object.entries(MANAGER_LABELS).map(([label, value]) => `${label}=${value}`)
/** Of who wrote fields: the same as Aeraki, whose objects these become. */
export const FIELD_MANAGER = 'fieldManager=Aeraki'
const PLURALS = { EnvoyFilter: 'envoyfilters', VirtualService: 'virtualservices' } as const

type LabelledObject = EnvoyFilter | VirtualService

/** Objects of one kind of Istio's that have the label of Aeraki, in all namespaces. */
export class LabelledObjects<T extends LabelledObject> {
  readonly #cluster: Cluster
  readonly #kind: T['kind']

  constructor(cluster: Cluster, kind: T['kind']) {
    this.#cluster = cluster
    this.#kind = kind
  }

  /** Rejects as `listObjects` does. */
  async list(signal: AbortSignal): Promise<readonly StoredObject[]> {
    const query = { labelSelector: LABELS.join(',') }
    const { items } = await listObjects(this.#cluster, `${ISTIO_PATH}/${PLURALS[this.#kind]}`, { signal, query })
    return items
  }

  /** What is missing, and what is different. */
  async save(plan: ObjectPlan<T>, round: WriteRound): Promise<void> {
    await round.each(plan.create, (object) => this.#create(object, round))
    await round.each(plan.update, ({ stored, wanted }) => this.#update(stored, wanted, round))
  }

  /** What is stale. */
  async remove(plan: ObjectPlan<T>, round: WriteRound): Promise<void> {
    for (const old of plan.delete) await this.#delete(old, round)
  }

  #create(object: T, round: WriteRound): Promise<boolean> {
    const path = `${this.#pathOf(object.metadata.namespace)}?${FIELD_MANAGER}`
    return round.write(this.#describe('create', object), () => this.#call(path, 'POST', round.signal, object))
  }

  /** Fails when somebody has changed it since it was listed. */
  #update({ metadata }: StoredObject, object: T, round: WriteRound): Promise<boolean> {
    const path = `${this.#pathOf(object.metadata.namespace)}/${metadata.name}?${FIELD_MANAGER}`
    const body = { ...object, metadata }
    return round.write(this.#describe('update', object), () => this.#call(path, 'PUT', round.signal, body))
  }

  /** That which was listed, and no other one of the same name. */
  #delete(old: StoredObject, round: WriteRound): Promise<boolean> {
    const { name, namespace = '', uid, resourceVersion } = old.metadata
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } }
    const path = `${this.#pathOf(namespace)}/${name}`
    return round.write(this.#describe('delete', old), () => this.#call(path, 'DELETE', round.signal, body))
  }

  #call(path: string, method: 'POST' | 'PUT' | 'DELETE', signal: AbortSignal, body: unknown): Promise<unknown> {
    return callApi(this.#cluster, path, { method, body, signal })
  }

  #pathOf(namespace: string): string {
    return `${ISTIO_PATH}/namespaces/${namespace}/${PLURALS[this.#kind]}`
  }

  #describe(verb: string, { metadata: { namespace = '', name } }: StoredObject): string {
    return `${verb} ${this.#kind} ${namespace}/${name}`
  }
}
