import { MANAGER_LABELS } from './envoy-filter.ts'
import { VIRTUAL_SERVICE_PREFIX } from './filter-names.ts'

/** Istio's VirtualService, as somebody has written it for the sidecars of a mesh. */
export interface MeshVirtualService {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid?: string
    readonly resourceVersion?: string
    readonly creationTimestamp?: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly spec?: {
    readonly hosts?: readonly string[]
    /** Default: `mesh`, which stands for all sidecars. */
    readonly gateways?: readonly string[]
    readonly http?: readonly HttpRoute[]
  }
}

export interface HttpRoute {
  readonly match?: readonly HttpMatch[]
  readonly route?: readonly HttpDestination[]
  /** What proxies of other protocols than HTTP know nothing of. */
  readonly [field: string]: unknown
}

export interface HttpMatch {
  readonly method?: StringMatch
  readonly headers?: Readonly<Record<string, StringMatch>>
  /** Of the service. */
  readonly port?: number
  readonly gateways?: readonly string[]
  readonly [field: string]: unknown
}

export interface StringMatch {
  readonly exact?: string
  readonly prefix?: string
  readonly regex?: string
}

export interface HttpDestination {
  readonly destination?: {
    readonly host?: string
    readonly subset?: string
    readonly port?: { readonly number?: number }
  }
  readonly weight?: number
}

/** A name without a dot is that of a service of the namespace. */
export type CompleteHost = (host: string, namespace: string) => string

const MESH = 'mesh'

/** Finds the VirtualServices by which a host is reached from sidecars. Those that are written here are none of them. */
export class VirtualServiceIndex {
  readonly #byHost = new Map<string, MeshVirtualService[]>()

  /** A host as a VirtualService of a namespace writes it, in full. */
  readonly complete: CompleteHost

  constructor(complete: CompleteHost, all: readonly MeshVirtualService[] = []) {
    this.complete = complete
    for (const each of all.filter(isForSidecars).toSorted(compareAge)) this.#add(each)
  }

  /** The oldest one first. */
  of(host: string): readonly MeshVirtualService[] {
    return this.#byHost.get(host) ?? []
  }

  /** Another one as soon as something that `of` gives is another one. */
  versionOf(host: string): string {
    return JSON.stringify(this.of(host).map(({ metadata: { uid, resourceVersion } }) => [uid, resourceVersion]))
  }

  #add(each: MeshVirtualService): void {
    const { namespace = '' } = each.metadata
    for (const host of new Set(textsOf(each.spec?.hosts).map((name) => this.complete(name, namespace)))) {
      const those = this.#byHost.get(host) ?? []
      those.push(each)
      this.#byHost.set(host, those)
    }
  }
}

/** Of a match too: whether it is for sidecars. */
export function namesMesh(gateways: readonly string[] | undefined): boolean {
  const names = textsOf(gateways)
  return names.length === 0 || names.includes(MESH)
}

function isForSidecars({ metadata, spec }: MeshVirtualService): boolean {
  const isOurs =
    metadata.name.startsWith(VIRTUAL_SERVICE_PREFIX) &&
    Object.entries(MANAGER_LABELS).every(([label, value]) => metadata.labels?.[label] === value)
  return !isOurs && namesMesh(spec?.gateways) && Array.isArray(spec?.http) && spec.http.length > 0
}

/** As the API server may not have looked at. */
function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}

function compareAge(a: MeshVirtualService, b: MeshVirtualService): number {
  return compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) || compare(nameOf(a), nameOf(b))
}

/** For people. */
export function nameOf({ metadata: { namespace = '', name } }: MeshVirtualService): string {
  return `${namespace}/${name}`
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0
}
