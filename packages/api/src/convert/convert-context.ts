import type { SecretConfig, TracingProvider } from '../model/index.ts'
import type { ConnectionLimit } from './connection-limits.ts'

/** What a codec says about itself, as far as configuration can go wrong. */
export interface CodecRule {
  /** Which messages it can change; undefined: none. */
  readonly mutation?: 'request' | 'response' | 'both' | undefined
  /** Faults of its options; empty: none. */
  validate?(options: unknown): readonly string[]
  /** Made for a moment to see whether it can ask services for their health. */
  create?(side: 'upstream', options: unknown): { readonly healthCheck?: unknown }
}

/** The part of a filter's definition that checks its configuration; the sdk's FilterDefinition is one. */
export interface FilterRule {
  readonly name: string
  parse(json: unknown, problem: (path: string, message: string) => void): unknown
}

export interface ValidateOptions {
  /** Unknown fields are warnings. */
  readonly allowUnknownFields?: boolean
  /** By registered name. undefined: any codec is accepted, unchecked. */
  readonly codecs?: ReadonlyMap<string, CodecRule>
  /** By type URL, with or without `type.googleapis.com/`; what is not here, but for the router, is refused. */
  readonly filters?: ReadonlyMap<string, FilterRule>
}

/** What the converters of one bootstrap, or of one resource of a control plane, share. */
export interface ConvertContext {
  readonly options: ValidateOptions
  /** undefined: more may come, so nothing is said of those that are not there. */
  readonly clusterNames: ReadonlySet<string> | undefined
  /** By listener name. */
  readonly connectionLimits: ReadonlyMap<string, Pick<ConnectionLimit, 'limit'>>
  readonly sources: SourceContext
  /** It came from a control plane, which may bring modules too. */
  readonly isDelivered: boolean
  /** Of the bootstrap: where spans go of those who do not say it. */
  readonly tracingProvider?: TracingProvider | undefined
}

/** Where configuration can come from. */
export interface SourceContext {
  readonly hasAds: boolean
  /** Names of the bootstrap's clusters that do not come from a control plane, nor do their endpoints. */
  readonly staticClusters: ReadonlySet<string>
  /** Of the bootstrap's static_resources, by name; default: none. */
  readonly secrets?: ReadonlyMap<string, SecretConfig>
}
