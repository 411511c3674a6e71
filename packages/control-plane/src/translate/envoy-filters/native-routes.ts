import { regexFault } from '@meltemi/api/resource'
import { clusterName } from '../names.ts'
import type { NetworkFilter } from './envoy-filter.ts'
import {
  type HttpDestination,
  type HttpMatch,
  type HttpRoute,
  type MeshVirtualService,
  nameOf,
  namesMesh,
  type StringMatch,
  type VirtualServiceIndex,
} from './virtual-service-index.ts'

type Json = NetworkFilter['typed_config']['value']

/** Where calls go, for protocols that Envoy has by itself. */
export interface NativeRoute {
  /** undefined: any. */
  readonly method: TextMatch | undefined
  readonly headers: readonly HeaderMatch[]
  /** At least one; weights are from 1 on. */
  readonly clusters: readonly { readonly name: string; readonly weight: number }[]
}

export interface TextMatch {
  readonly kind: 'exact' | 'prefix' | 'regex'
  /** Never empty. */
  readonly text: string
}

export interface HeaderMatch {
  readonly name: string
  /** undefined: it is there. */
  readonly value: TextMatch | undefined
}

/** Whose routes. */
export interface NativeRoutesInputs {
  readonly host: string
  readonly port: number
  readonly virtualServices: VirtualServiceIndex
}

export interface NativeRoutes {
  readonly routes: readonly Json[]
  /** What is not as the VirtualServices say, for people. */
  readonly notes: readonly string[]
}

/** Of an `http` route; others say what nobody does here. */
const ROUTE_FIELDS: ReadonlySet<string> = new Set(['name', 'match', 'route'])
/** Of a match; with others it would fit something else. */
const MATCH_FIELDS: ReadonlySet<string> = new Set([
  ...['name', 'method', 'headers', 'port', 'gateways'],
  ...['ignoreUriCase', 'statPrefix'],
])
const MAX_TOTAL_WEIGHT = 2 ** 32 - 1

/**
 * Routes of a port in the words of its protocol, by the oldest VirtualService of its host; without any, all calls go to the
 * port itself. A route, or a match of it, that cannot be said in these words is left out, rather than fit what it should
 * not. `toJson` throws for it. Throws never itself.
 */
export function nativeRoutes(inputs: NativeRoutesInputs, toJson: (route: NativeRoute) => Json): NativeRoutes {
  const { host, port, virtualServices } = inputs
  const [source, ...others] = virtualServices.of(host)
  const own = { method: undefined, headers: [], clusters: [{ name: clusterName(host, port), weight: 1 }] }
  if (source === undefined) return { routes: [toJson(own)], notes: [] }
  const results = (source.spec?.http ?? []).map((http, index) => {
    const place = `VirtualService ${nameOf(source)}, http[${index}]`
    const { made, notes } = attempt(place, () => routesOf(http, { ...inputs, source, place }, toJson))
    return made ?? { routes: [], notes }
  })
  const ignored = others.map((each) => `VirtualService ${nameOf(each)} is not looked at: ${nameOf(source)} is older`)
  return {
    routes: results.flatMap(({ routes }) => routes),
    notes: [...ignored, ...results.flatMap(({ notes }) => notes)],
  }
}

interface RouteContext extends NativeRoutesInputs {
  readonly source: MeshVirtualService
  /** For people. */
  readonly place: string
}

/** Throws where it leads nowhere. */
function routesOf(http: HttpRoute, context: RouteContext, toJson: (route: NativeRoute) => Json): NativeRoutes {
  const { place, port } = context
  const unknown = Object.keys(http).filter((field) => !ROUTE_FIELDS.has(field))
  const clusters = clustersOf(http.route ?? [], context)
  // an entry for each match: one of them has to fit
  const blocks = http.match === undefined || http.match.length === 0 ? [{}] : http.match
  const results = blocks
    .filter((block) => isFor(block, port))
    .map((block) => attempt(place, () => toJson({ ...matchOf(block), clusters })))
  const notes = unknown.length === 0 ? [] : [`${place}: nobody keeps to ${unknown.join(', ')}`]
  return {
    routes: results.flatMap(({ made }) => (made === undefined ? [] : [made])),
    notes: [...notes, ...results.flatMap((result) => result.notes)],
  }
}

function attempt<T>(place: string, make: () => T): { readonly made?: T; readonly notes: readonly string[] } {
  try {
    return { made: make(), notes: [] }
  } catch (error: unknown) {
    return { notes: [`${place} is left out: ${error instanceof Error ? error.message : String(error)}`] }
  }
}

function isFor({ port, gateways }: HttpMatch, own: number): boolean {
  return (port === undefined || port === 0 || port === own) && namesMesh(gateways)
}

function matchOf(block: HttpMatch): Pick<NativeRoute, 'method' | 'headers'> {
  const unknown = Object.keys(block).filter((field) => !MATCH_FIELDS.has(field))
  if (unknown.length > 0) throw new TypeError(`calls have no ${unknown.join(', ')} to match`)
  const headers = Object.entries(block.headers ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    method: block.method === undefined ? undefined : methodOf(block.method),
    headers: headers.map(([name, match]) => ({ name, value: textMatch(match) })),
  }
}

function methodOf(match: StringMatch): TextMatch | undefined {
  // nothing is called like that, and to Envoy it may mean any
  if (match.exact === '') throw new TypeError('no method has an empty name')
  return textMatch(match)
}

/** undefined: any. Throws for what is no RE2, with which Envoy would refuse the whole filter. */
function textMatch({ exact = '', prefix = '', regex = '' }: StringMatch): TextMatch | undefined {
  if (![exact, prefix, regex].every((text) => typeof text === 'string')) throw new TypeError('expected a text')
  if (exact !== '') return { kind: 'exact', text: exact }
  if (prefix !== '') return { kind: 'prefix', text: prefix }
  if (regex === '' || regex === '.*') return undefined
  const fault = regexFault(regex)
  if (fault !== undefined) throw new TypeError(`${JSON.stringify(regex)} is not RE2: ${fault}`)
  return { kind: 'regex', text: regex }
}

/** One alone gets everything, whatever it weighs. */
function clustersOf(destinations: readonly HttpDestination[], context: RouteContext): NativeRoute['clusters'] {
  const clusters = destinations.map(({ destination, weight = 0 }) => ({
    name: clusterOf(destination, context),
    weight: destinations.length === 1 ? 1 : weight,
  }))
  const some = clusters.filter(({ weight }) => weight > 0)
  if (some.length === 0) throw new TypeError('it leads to no destination')
  const total = some.reduce((sum, { weight }) => sum + weight, 0)
  if (!some.every(({ weight }) => Number.isInteger(weight)) || total > MAX_TOTAL_WEIGHT)
    throw new TypeError(`weights have to be whole numbers, and ${MAX_TOTAL_WEIGHT} at most together`)
  return some
}

function clusterOf(
  destination: HttpDestination['destination'],
  { port, source, virtualServices }: RouteContext,
): string {
  const { host = '', subset, port: other } = destination ?? {}
  if (host === '') throw new TypeError('a destination has no host')
  const full = virtualServices.complete(host, source.metadata.namespace ?? '')
  return clusterName(full, other?.number ?? port, subset)
}
