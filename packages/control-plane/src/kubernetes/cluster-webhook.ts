import type { SocketAddress } from '@meltemi/api'
import type { Clock, Logger, MetricRegistry } from '@meltemi/runtime'
import { WebhookServer } from '../webhook/webhook-server.ts'
import type { Cluster } from './connect-cluster.ts'
import { ownNamespace } from './own-namespace.ts'
import { WebhookKeeper } from './webhook-keeper.ts'

export interface WebhookOptions {
  readonly address: SocketAddress
  /**
   * Name of the ValidatingWebhookConfiguration, which is there; also of the Secret with the certificate. Default:
   * `meltemi-webhook.<namespace>`.
   */
  readonly configuration?: string | undefined
}

export interface ClusterWebhookOptions extends WebhookOptions {
  readonly cluster: Cluster
  /** Where the Secret is; undefined: the own one. */
  readonly namespace: string | undefined
  readonly isLeader: () => boolean
  readonly logger: Logger
  readonly metrics: MetricRegistry
  readonly clock: Clock
}

/** The webhook of a cluster, with its certificate. */
export class ClusterWebhook {
  readonly #address: SocketAddress
  readonly #server: WebhookServer
  readonly #keeper: WebhookKeeper

  constructor(options: ClusterWebhookOptions) {
    const { cluster, namespace = ownNamespace(cluster), address } = options
    const { configuration: name = `meltemi-webhook.${namespace}` } = options
    const logger = options.logger.child('webhook')
    this.#address = address
    this.#server = new WebhookServer({ ...options, logger })
    this.#keeper = new WebhookKeeper({ ...options, namespace, name, logger, server: this.#server })
  }

  /** Resolves with the port; rejects when it cannot be had. */
  async start(): Promise<number> {
    const port = await this.#server.listen().catch((cause: unknown) => {
      const { code, message } = cause as NodeJS.ErrnoException
      const why = code === 'EADDRINUSE' ? 'the port is in use, choose another by --webhook-address' : message
      throw new Error(`the webhook cannot listen on ${this.#address.host}:${this.#address.port}: ${why}`, { cause })
    })
    this.#keeper.start()
    return port
  }

  async stop(): Promise<void> {
    await this.#keeper.stop()
    await this.#server.close()
  }
}
