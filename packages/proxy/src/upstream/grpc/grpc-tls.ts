import type { UpstreamTlsConfig } from '@meltemi/api/model'
import type { ClientTlsOptions } from '@meltemi/runtime'
import { clientTlsOptions } from '../../net/tls/client-options.ts'
import type { TlsStats } from '../../net/tls/tls-stats.ts'
import type { TlsThread } from '../../net/tls/tls-thread.ts'

/** How one thread calls a gRPC service of a cluster with a transport socket. */
export class GrpcTls {
  readonly #config: UpstreamTlsConfig
  readonly #thread: TlsThread
  readonly #stats: TlsStats

  constructor(config: UpstreamTlsConfig, thread: TlsThread, stats: TlsStats) {
    this.#config = config
    this.#thread = thread
    this.#stats = stats
  }

  /** Another one after every change of secrets: connections made before are to be made anew. */
  get version(): number {
    return this.#thread.secrets.version
  }

  /** undefined: a secret is not here yet, or is of no use. */
  options(): ClientTlsOptions | undefined {
    const { secrets, compile } = this.#thread
    try {
      return clientTlsOptions(this.#config, { secrets, compile, stats: this.#stats })
    } catch {
      this.#stats.secretsNotReady.add(1)
      return undefined
    }
  }
}
