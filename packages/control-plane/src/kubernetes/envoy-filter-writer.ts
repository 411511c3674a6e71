import type { Logger } from '@meltemi/runtime'
import type { ServiceView, World } from '../store/world.ts'
import { type EnvoyFilter, MANAGER_LABELS } from '../translate/envoy-filters/envoy-filter.ts'
import { isNameOf } from '../translate/envoy-filters/filter-names.ts'
import {
  type EnvoyFiltersOptions,
  type ServiceFilters,
  translateEnvoyFilters,
} from '../translate/envoy-filters/translate-envoy-filters.ts'
import { callApi } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'
import { MeshSettingsReader } from './envoy-filter-mesh.ts'
import { planFilters, type StoredFilter } from './envoy-filter-plan.ts'
import { listObjects } from './list-objects.ts'
import type { WriteRound } from './write-round.ts'

export interface EnvoyFilterWriterOptions extends Omit<EnvoyFiltersOptions, 'mesh'> {
  readonly cluster: Cluster
  readonly logger: Logger
}

/** What filters are made of. */
export interface FilterInputs {
  readonly world: World
  /** Hosts of services that are not in force, of which there may have been better versions. */
  readonly otherHosts: readonly string[]
}

const GROUP = '/apis/networking.istio.io/v1alpha3'
const LABELS = Object.entries(MANAGER_LABELS).map(([label, value]) => `${label}=${value}`)
/** Of who wrote fields: the same as Aeraki, whose filters these become. */
export const FIELD_MANAGER = 'fieldManager=Aeraki'
const NOTE_LINES_PER_SECOND = 20

/** Keeps the EnvoyFilters of a cluster as the World wants them: writes only what is different, and deletes what is stale. */
export class EnvoyFilterWriter {
  readonly #options: EnvoyFilterWriterOptions
  readonly #mesh: MeshSettingsReader
  /** For as long as neither the service nor the settings are others. */
  #made = new WeakMap<ServiceView, ServiceFilters>()
  #settings = ''
  #told: ReadonlySet<string> = new Set()

  constructor(options: EnvoyFilterWriterOptions) {
    this.#options = options
    this.#mesh = new MeshSettingsReader(options.cluster, options.rootNamespace)
  }

  /** Rejects when it cannot be found out what there is. */
  async run({ world, otherHosts }: FilterInputs, round: WriteRound): Promise<void> {
    const services = await this.#translate([...world.services.values()], round.signal)
    const notes = services.flatMap((service) => service.notes)
    this.#tell(notes.map(({ host, port, message }) => `${host}${port === undefined ? '' : `:${port}`}: ${message}`))
    const kept = [...notes.filter(({ keepsOld }) => keepsOld), ...otherHosts.map((host) => ({ host, port: undefined }))]
    const isKept = (name: string) => kept.some(({ host, port }) => isNameOf(name, host, port))
    const stored = await this.#list(round.signal)
    const wanted = services.flatMap(({ filters }) => filters)
    const plan = planFilters({ stored, wanted, isKept })
    await round.each(plan.create, (filter) => this.#create(filter, round))
    await round.each(plan.update, ({ stored: old, wanted: filter }) => this.#update(old, filter, round))
    for (const old of plan.delete) await this.#delete(old, round)
  }

  async #translate(views: readonly ServiceView[], signal: AbortSignal): Promise<readonly ServiceFilters[]> {
    const mesh = await this.#mesh.read(signal)
    const settings = JSON.stringify(mesh)
    if (settings !== this.#settings) this.#made = new WeakMap()
    this.#settings = settings
    return views.map((view) => {
      const made = this.#made.get(view) ?? translateEnvoyFilters(view, { ...this.#options, mesh })
      this.#made.set(view, made)
      return made
    })
  }

  async #list(signal: AbortSignal): Promise<readonly StoredFilter[]> {
    const query = { labelSelector: LABELS.join(',') }
    const { items } = await listObjects(this.#options.cluster, `${GROUP}/envoyfilters`, { signal, query })
    return items
  }

  #create(filter: EnvoyFilter, round: WriteRound): Promise<boolean> {
    const path = `${pathOf(filter.metadata.namespace)}?${FIELD_MANAGER}`
    return round.write(describe('create', filter), () => this.#call(path, 'POST', round.signal, filter))
  }

  /** Fails when somebody has changed it since it was listed. */
  #update({ metadata }: StoredFilter, filter: EnvoyFilter, round: WriteRound): Promise<boolean> {
    const path = `${pathOf(filter.metadata.namespace)}/${metadata.name}?${FIELD_MANAGER}`
    return round.write(describe('update', filter), () => this.#call(path, 'PUT', round.signal, { ...filter, metadata }))
  }

  /** That which was listed, and no other one of the same name. */
  #delete(old: StoredFilter, round: WriteRound): Promise<boolean> {
    const { name, namespace = '', uid, resourceVersion } = old.metadata
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } }
    return round.write(describe('delete', old), () =>
      this.#call(`${pathOf(namespace)}/${name}`, 'DELETE', round.signal, body),
    )
  }

  #call(path: string, method: 'POST' | 'PUT' | 'DELETE', signal: AbortSignal, body: unknown): Promise<unknown> {
    return callApi(this.#options.cluster, path, { method, body, signal })
  }

  /** Each once, when it comes. */
  #tell(notes: readonly string[]): void {
    for (const line of notes) {
      if (this.#told.has(line)) continue
      this.#options.logger.limited('filter-notes', NOTE_LINES_PER_SECOND)?.warn(`EnvoyFilters: ${line}`)
    }
    this.#told = new Set(notes)
  }
}

function pathOf(namespace: string): string {
  return `${GROUP}/namespaces/${namespace}/envoyfilters`
}

function describe(verb: string, { metadata: { namespace = '', name } }: StoredFilter): string {
  return `${verb} EnvoyFilter ${namespace}/${name}`
}
