/** Why a message goes where it goes: asked of the very objects that route it. */
import type {
  DirectResponse,
  HedgePolicyConfig,
  MirrorPolicy,
  PropertyChange,
  RetryPolicyConfig,
  RouteConfig,
  RouteTableConfig,
  WeightedCluster,
} from '@meltemi/api/model'
import type { Metadata } from '@meltemi/sdk'
import { Hash64 } from '../util/hash.ts'
import { describeMatcher } from './describe-matcher.ts'
import type { CompiledRoute } from './route.ts'
import { RouteTable } from './table.ts'

/** A part of what a route gets; `percent` 0-100. */
export interface ClusterShare {
  readonly cluster: string
  readonly percent: number
}

/** A key that decides where a message goes, and the value that the message has for it. */
export interface HashKey {
  readonly key: string
  /** undefined: it has none, and the key does not count. */
  readonly value: string | undefined
}

/** What a route does with the message that it gets. */
export interface RouteEffect {
  /** Each has its share of the requests; the percentages add up to 100. */
  readonly clusters: readonly ClusterShare[]
  /** Clusters that get copies, each with its share of the requests. */
  readonly mirrors: readonly ClusterShare[]
  readonly hashKeys: readonly HashKey[]
  /** 16 hexadecimal digits; undefined: the message has no value for any of the keys. */
  readonly hash: string | undefined
  /** Milliseconds; 0: none; undefined: the listener's. */
  readonly timeoutMs: number | undefined
  /** Absent: it is tried once. */
  readonly retry?: RetryPolicyConfig
  readonly hedge?: HedgePolicyConfig
  readonly requestChanges: readonly PropertyChange[]
  readonly responseChanges: readonly PropertyChange[]
  /** The key that names the cluster; `clusters` has what the message says, if it says something. */
  readonly clusterKey: string | undefined
  /** What the client is told by the proxy itself; then nothing else matters. */
  readonly directResponse: DirectResponse | undefined
  /** Names of filters that the route configures or takes away. */
  readonly overrides: readonly FilterShare[]
}

/** A filter that the route speaks to. */
export interface FilterShare {
  readonly filter: string
  readonly isOff: boolean
}

/** Why a route does not get the message. */
export type RouteLoss =
  /** It matches too, but stands after the one that wins. */
  | { readonly kind: 'later' }
  /** The first of its matchers that does not hold; `found` undefined: the message has no such key. */
  | {
      readonly kind: 'mismatch'
      readonly key: string
      readonly wanted: string
      readonly found: string | undefined
    }

export interface JudgedRoute {
  readonly name: string
  /** undefined: this one wins. */
  readonly loss: RouteLoss | undefined
}

export interface RouteExplanation {
  /** Name of the table. */
  readonly table: string
  /** All routes in order. */
  readonly routes: readonly JudgedRoute[]
  /** Which of `routes` wins; -1: none, the message has no route. */
  readonly winner: number
  /** Of the route that wins. */
  readonly effect: RouteEffect | undefined
}

/** Throws when the table cannot be compiled: see `RouteTable`. */
export function explainRoutes(config: RouteTableConfig, metadata: Metadata): RouteExplanation {
  const table = new RouteTable(config)
  const won = table.match(metadata)
  const winner = won === null ? -1 : table.routes.indexOf(won)
  return {
    table: config.name,
    routes: table.routes.map((route, at) => ({
      name: route.name,
      loss: route === won ? undefined : findLoss(route, config.routes[at] as RouteConfig, metadata),
    })),
    winner,
    effect: won === null ? undefined : effectOf(won, config.routes[winner] as RouteConfig, metadata),
  }
}

function findLoss(route: CompiledRoute, { match }: RouteConfig, metadata: Metadata): RouteLoss {
  const failed = route.matchers.findIndex((matcher) => !matcher.matches(metadata))
  const matcher = match.metadata[failed]
  if (matcher === undefined) return { kind: 'later' }
  const found = metadata.find(matcher.name.toLowerCase())
  return { kind: 'mismatch', key: matcher.name, wanted: describeMatcher(matcher), found }
}

function effectOf(route: CompiledRoute, config: RouteConfig, metadata: Metadata): RouteEffect {
  const hash = new Hash64()
  const hasHash = route.hashOf(metadata, hash)
  return {
    clusters: clusterShares(config, metadata),
    mirrors: route.mirrors.map(shareOfMirror),
    hashKeys: route.hashKeys.map((key) => ({ key, value: metadata.get(key) })),
    hash: hasHash ? hexOf(hash) : undefined,
    timeoutMs: route.timeoutMs,
    ...(config.retry === undefined ? {} : { retry: config.retry }),
    ...(config.hedge === undefined ? {} : { hedge: config.hedge }),
    requestChanges: route.requestChanges,
    responseChanges: route.responseChanges,
    clusterKey: config.clusterKey,
    directResponse: config.directResponse,
    overrides: route.overrides.map(({ name, filter }) => ({ filter: name, isOff: filter === undefined })),
  }
}

function clusterShares({ clusters, clusterKey }: RouteConfig, metadata: Metadata): readonly ClusterShare[] {
  if (clusterKey === undefined) return sharesOf(clusters)
  const cluster = metadata.find(clusterKey.toLowerCase())
  return cluster === undefined ? [] : [{ cluster, percent: 100 }]
}

function sharesOf(clusters: readonly WeightedCluster[]): readonly ClusterShare[] {
  const total = clusters.reduce((sum, { weight }) => sum + weight, 0)
  return clusters.map(({ cluster, weight }) => ({ cluster, percent: percentOf(weight, total) }))
}

function shareOfMirror({ cluster, numerator, denominator }: MirrorPolicy): ClusterShare {
  return { cluster, percent: percentOf(Math.min(numerator, denominator), denominator) }
}

function percentOf(part: number, total: number): number {
  return (part / total) * 100
}

function hexOf({ high, low }: Hash64): string {
  return [high, low].map((half) => half.toString(16).padStart(8, '0')).join('')
}
