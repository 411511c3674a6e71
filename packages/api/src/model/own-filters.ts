/** What was read of the configuration of filters of the proxy's own: `FilterConfig.parsed`. */
import type { ErrorTypeName } from './error-type.ts'
import type { MatchConfig } from './match.ts'

export interface Fraction {
  readonly numerator: number
  readonly denominator: 100 | 10_000 | 1_000_000
}

export interface FaultConfig {
  readonly match: MatchConfig
  readonly delay: { readonly delayMs: number; readonly share: Fraction } | undefined
  readonly abort: { readonly errorType: ErrorTypeName; readonly share: Fraction } | undefined
  /** At the same time, in each thread. */
  readonly maxActiveFaults: number
  readonly statPrefix: string
}

export interface MetadataOperationsConfig {
  readonly request: readonly MetadataOperation[]
  readonly response: readonly MetadataOperation[]
}

export interface MetadataOperation {
  readonly key: string
  readonly kind: 'set' | 'append' | 'remove'
  /** undefined: to be removed. */
  readonly value: MetadataValue | undefined
  /** The message on the wire is changed too. */
  readonly inMessage: boolean
}

export interface MetadataValue {
  readonly source: 'text' | 'metadata' | 'request_metadata' | 'connection' | 'environment' | 'node'
  /** The text itself, or the name of what is read. */
  readonly name: string
}
