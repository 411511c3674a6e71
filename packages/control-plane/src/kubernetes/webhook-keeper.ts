import type { Clock, Counter, Logger, MetricRegistry, Timer } from '@meltemi/runtime'
import { type CertificateBundle, stepBundle } from '../webhook/certificate-bundle.ts'
import type { WebhookServer } from '../webhook/webhook-server.ts'
import { ApiError } from './call-api.ts'
import { CertificateSecret, type StoredBundle } from './certificate-secret.ts'
import type { Cluster } from './connect-cluster.ts'
import { type Registration, readRegistration, trustAuthorities } from './webhook-registration.ts'

export interface WebhookKeeperOptions {
  readonly cluster: Cluster
  readonly namespace: string
  /** Of the ValidatingWebhookConfiguration, and of the Secret. */
  readonly name: string
  readonly server: Pick<WebhookServer, 'use'>
  /** Whoever is not reads only. */
  readonly isLeader: () => boolean
  readonly logger: Logger
  readonly metrics: MetricRegistry
  readonly clock: Clock
  /** How long a certificate is good for; default 90 days. */
  readonly validMs?: number
  /** Default 1 minute. */
  readonly settleMs?: number
  /** How often it is looked after; default 10 s, and each second until there is a certificate. */
  readonly checkMs?: number
}

const DAY_MS = 86_400_000
const FIRST_MS = 1_000
const CONFLICT = 409

/**
 * Sees to it that the API server trusts the certificate that the webhook serves, for ever: every replica serves what stands in
 * the Secret, the leader makes it anew in time and tells the API server whom to trust.
 */
export class WebhookKeeper {
  readonly #options: Required<WebhookKeeperOptions>
  readonly #secret: CertificateSecret
  readonly #stopping = new AbortController()
  readonly #changes: Counter
  #served = ''
  #timer: Timer | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(options: WebhookKeeperOptions) {
    this.#options = { validMs: 90 * DAY_MS, settleMs: 60_000, checkMs: 10_000, ...options }
    this.#secret = new CertificateSecret(options.cluster, options.namespace, options.name)
    this.#changes = options.metrics.counter('control_plane.webhook_certificate_changes')
  }

  start(): void {
    this.#turn = this.#look().finally(() => {
      if (this.#stopping.signal.aborted) return
      const waitMs = this.#served === '' ? FIRST_MS : this.#options.checkMs
      this.#timer = this.#options.clock.setTimer(waitMs, () => this.start())
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#timer?.cancel()
    await this.#turn
  }

  async #look(): Promise<void> {
    const { cluster, name, isLeader, logger } = this.#options
    const { signal } = this.#stopping
    try {
      const registration = await readRegistration(cluster, name, signal)
      let stored = await this.#secret.read(signal)
      if (isLeader()) stored = await this.#renew(stored, registration)
      this.#use(stored.bundle)
      const { authorities } = stored.bundle
      if (!isLeader() || registration.trusted === authorities) return
      await trustAuthorities(cluster, name, registration, authorities, signal)
      logger.info('the API server is told whom to trust', { configuration: name })
    } catch (error: unknown) {
      if (signal.aborted || (error instanceof ApiError && error.statusCode === CONFLICT)) return
      const message = error instanceof Error ? error.message : String(error)
      logger.limited('webhook', 1)?.warn('the webhook cannot be looked after, it is tried again', { message })
    }
  }

  /** Returns what stands in the Secret afterwards. */
  async #renew(stored: StoredBundle, registration: Registration): Promise<StoredBundle> {
    const { validMs, settleMs, clock, logger } = this.#options
    const { names, trusted } = registration
    if (names.length === 0) throw new Error('the configuration does not say by which name the webhook is called')
    const nowMs = clock.wallTime()
    const bundle = await stepBundle(stored.bundle, { names, trusted, nowMs, validMs, settleMs })
    if (bundle === stored.bundle) return stored
    const written = await this.#secret.write(bundle, stored, this.#stopping.signal)
    this.#changes.add(1)
    logger.info(bundle.next === undefined ? 'another certificate is served' : 'the next certificate is there')
    return written
  }

  #use({ current }: CertificateBundle): void {
    if (current.chain === this.#served || current.chain === '') return
    this.#options.server.use(current)
    this.#served = current.chain
  }
}
