import type { Logger } from '@meltemi/runtime'
import type { ServiceView, World } from '../store/world.ts'
import type { EnvoyFilter } from '../translate/envoy-filters/envoy-filter.ts'
import { isNameOf } from '../translate/envoy-filters/filter-names.ts'
import { hasRedis } from '../translate/envoy-filters/filter-ports.ts'
import type { MeshSettings } from '../translate/envoy-filters/mesh-settings.ts'
import type { NativeInputs } from '../translate/envoy-filters/native-port.ts'
import {
  type EnvoyFiltersOptions,
  type FilterNote,
  type ServiceFilters,
  translateEnvoyFilters,
} from '../translate/envoy-filters/translate-envoy-filters.ts'
import type { Cluster } from './connect-cluster.ts'
import { MeshSettingsReader } from './envoy-filter-mesh.ts'
import { GatewayWriter } from './gateway-writer.ts'
import { LabelledObjects } from './labelled-objects.ts'
import { planObjects, type StoredObject } from './object-plan.ts'
import { readRedis } from './read-redis.ts'
import { isOfSidecars } from './stale-objects.ts'
import { VirtualServiceReader } from './virtual-service-reader.ts'
import type { WriteRound } from './write-round.ts'

export interface EnvoyFilterWriterOptions extends Omit<EnvoyFiltersOptions, 'mesh' | 'redis' | keyof NativeInputs> {
  readonly cluster: Cluster
  /** Of the cluster: `cluster.local`. */
  readonly domain: string
  readonly logger: Logger
}

/** What filters are made of. */
export interface FilterInputs {
  readonly world: World
  /** Hosts of services that are not in force, of which there may have been better versions. */
  readonly otherHosts: readonly string[]
  /** `<namespace>/<host>` of services of which something is refused that is said of their Redis. */
  readonly refusedRedis: ReadonlySet<string>
  /** Namespaces with policies for Dubbo that are not in force. */
  readonly doubtfulNamespaces: ReadonlySet<string>
}

interface MadeFilters extends ServiceFilters {
  /** Which VirtualServices have decided about them. */
  readonly routes: string | undefined
}

const NOTE_LINES_PER_SECOND = 20

/** Keeps the EnvoyFilters of a cluster as the World wants them: writes only what is different, and deletes what is stale. */
export class EnvoyFilterWriter {
  readonly #options: EnvoyFilterWriterOptions
  readonly #mesh: MeshSettingsReader
  readonly #objects: LabelledObjects<EnvoyFilter>
  readonly #gateways: GatewayWriter
  readonly #virtualServices: VirtualServiceReader
  /** For as long as neither the service nor what else decides about it is another one. */
  #made = new WeakMap<ServiceView, MadeFilters>()
  #settings = ''
  readonly #told = { sidecars: new Set<string>(), gateways: new Set<string>() }

  constructor(options: EnvoyFilterWriterOptions) {
    this.#options = options
    this.#mesh = new MeshSettingsReader(options.cluster, options.rootNamespace)
    this.#objects = new LabelledObjects(options.cluster, 'EnvoyFilter')
    this.#gateways = new GatewayWriter(options.cluster, this.#objects)
    this.#virtualServices = new VirtualServiceReader(options.cluster, options.domain)
  }

  /** Rejects when it cannot be found out what there is. */
  async run(inputs: FilterInputs, round: WriteRound): Promise<void> {
    const mesh = await this.#mesh.read(round.signal)
    const stored = await this.#objects.list(round.signal)
    await this.#writeSidecars(inputs, mesh, stored, round)
    if (round.isOver) return
    // last, so that whoever may not read gateways has the others
    const { world, otherHosts } = inputs
    this.#tell('gateways', await this.#gateways.run({ world, otherHosts, mesh, stored }, round))
  }

  async #writeSidecars(
    { world, otherHosts, refusedRedis, doubtfulNamespaces }: FilterInputs,
    mesh: MeshSettings,
    stored: readonly StoredObject[],
    round: WriteRound,
  ): Promise<void> {
    const views = [...world.services.values()]
    const redis = await readRedis(this.#options.cluster, world, { refused: refusedRedis, signal: round.signal })
    const virtualServices = await this.#virtualServices.read(views, round)
    const options = { ...this.#options, mesh, redis, virtualServices, doubtfulNamespaces }
    const services = this.#translate(views, options)
    const notes = [...redis.notes, ...services.flatMap((service) => service.notes)]
    this.#tell('sidecars', notes)
    const kept = [...notes.filter(({ keepsOld }) => keepsOld), ...otherHosts.map((host) => ({ host, port: undefined }))]
    const isKept = (name: string) => kept.some(({ host, port }) => isNameOf(name, host, port))
    const wanted = services.flatMap(({ filters }) => filters)
    const isStale = (old: StoredObject) => isOfSidecars(old) && !isKept(old.metadata.name)
    const plan = planObjects({ stored, wanted, isStale })
    await this.#objects.save(plan, round)
    await this.#objects.remove(plan, round)
  }

  #translate(views: readonly ServiceView[], options: EnvoyFiltersOptions): readonly ServiceFilters[] {
    const { mesh, virtualServices, doubtfulNamespaces } = options
    const settings = JSON.stringify([mesh, [...(doubtfulNamespaces ?? [])]])
    if (settings !== this.#settings) this.#made = new WeakMap()
    this.#settings = settings
    return views.map((view) => {
      const routes = virtualServices?.versionOf(view.host)
      const old = this.#made.get(view)
      if (old !== undefined && old.routes === routes) return old
      const made = { ...translateEnvoyFilters(view, options), routes }
      // those of Redis are made anew each time: other services, Secrets and resources decide about them as well
      if (!hasRedis(view)) this.#made.set(view, made)
      return made
    })
  }

  /** Each once, when it comes. */
  #tell(which: 'sidecars' | 'gateways', notes: readonly FilterNote[]): void {
    const lines = notes.map(({ host, port, message }) => `${host}${port === undefined ? '' : `:${port}`}: ${message}`)
    for (const line of lines) {
      if (this.#told[which].has(line)) continue
      this.#options.logger.limited('filter-notes', NOTE_LINES_PER_SECOND)?.warn(`EnvoyFilters: ${line}`)
    }
    this.#told[which] = new Set(lines)
  }
}
