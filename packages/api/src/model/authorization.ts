/** Who may send which requests, as Envoy's RBAC has it. Plain data: the proxy compiles it. */

import type { MetadataMatcher, StringMatch } from './match.ts'

export interface AuthorizationConfig {
  readonly kind: 'authorization'
  /** Before `rbac.` in names of stats: empty, or with a dot at its end. */
  readonly statPrefix: string
  /** undefined: nothing is refused. */
  readonly rules: RbacRules | undefined
  readonly rulesStatPrefix: string
  /** What would be decided is counted, and nothing else; undefined: nothing to try. */
  readonly shadowRules: RbacRules | undefined
  readonly shadowStatPrefix: string
  /** Each policy has counters of its own. */
  readonly tracksEachPolicy: boolean
}

export interface RbacRules {
  /**
   * `allow`: only what a policy matches passes; `deny`: what a policy matches does not; `log`: everything passes, and the
   * access log is told of what a policy matches.
   */
  readonly action: 'allow' | 'deny' | 'log'
  /** In the order in which they are looked at: that of their names. */
  readonly policies: readonly RbacPolicy[]
}

export interface RbacPolicy {
  readonly name: string
  /** Its permissions and its principals. */
  readonly condition: RbacCondition
}

export type RbacCondition =
  | { readonly kind: 'any' }
  | { readonly kind: 'and' | 'or'; readonly conditions: readonly RbacCondition[] }
  | { readonly kind: 'not'; readonly condition: RbacCondition }
  /** Of the request. */
  | { readonly kind: 'property'; readonly matcher: MetadataMatcher }
  /**
   * `local`: where the client has connected to; `remote`: the client, as a PROXY header tells it; `direct`: whoever has
   * connected. The first `bits` bits are those of `prefix`.
   */
  | {
      readonly kind: 'address'
      readonly of: 'local' | 'remote' | 'direct'
      readonly prefix: string
      readonly bits: number
    }
  /** start ≤ port that the client has connected to < end. */
  | { readonly kind: 'port'; readonly start: number; readonly end: number }
  /** Server name of the client's TLS handshake; empty where there was none. */
  | { readonly kind: 'server-name'; readonly match: StringMatch }
  /** A name in the client's verified certificate; undefined: any such certificate. */
  | { readonly kind: 'identity'; readonly match: StringMatch | undefined }
