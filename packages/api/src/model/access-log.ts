import type { LogJson, LogPiece } from './log-format.ts'
import type { MetadataMatcher } from './match.ts'

export interface AccessLogConfig {
  /** A file, or one of the process's own streams. */
  readonly sink: LogSink
  readonly format: LogFormat
  /** What is not known is left out: nothing instead of `-`, no key instead of `null`. */
  readonly omitEmptyValues: boolean
  /** undefined: everything is logged. */
  readonly filter: AccessLogFilter | undefined
  /** As configured, in proto JSON, for those who show it. */
  readonly asConfigured: Readonly<Record<string, unknown>>
}

export type LogSink =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdout' }
  | { readonly kind: 'stderr' }

/** Text says itself where its lines end. */
export type LogFormat =
  | { readonly kind: 'text'; readonly pieces: readonly LogPiece[] }
  | { readonly kind: 'json'; readonly root: LogJson }

/** Which exchanges are logged. */
export type AccessLogFilter =
  | { readonly kind: 'constant'; readonly passes: boolean }
  | { readonly kind: 'and' | 'or'; readonly filters: readonly AccessLogFilter[] }
  /** Of the response code, or of milliseconds. */
  | { readonly kind: 'code' | 'duration'; readonly op: 'EQ' | 'GE' | 'LE'; readonly value: number }
  | { readonly kind: 'traced' }
  /** `isIndependent`: drawn for each exchange and log; else by the request's id, so that logs agree. */
  | {
      readonly kind: 'fraction'
      readonly numerator: number
      readonly denominator: number
      readonly isIndependent: boolean
    }
  /** On the properties of the request or of the reply. `passesMissing`: what is logged when there is none; undefined: the matcher knows. */
  | {
      readonly kind: 'property'
      readonly of: 'request' | 'reply'
      readonly matcher: MetadataMatcher
      readonly passesMissing: boolean | undefined
    }
  /** Envoy's short forms; empty: any. */
  | { readonly kind: 'flags'; readonly flags: readonly string[] }
