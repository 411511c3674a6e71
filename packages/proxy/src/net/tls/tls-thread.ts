import type { CompileMatch } from './san-match.ts'
import type { TlsSecrets } from './tls-secrets.ts'

/** What all sides of TLS of one thread share. */
export interface TlsThread {
  readonly secrets: TlsSecrets
  readonly compile: CompileMatch
  /** One line per connection whose handshake fails, limited in rate. */
  logFailure(who: string, reason: string): void
}
