import type { Clock, Logger, Timer } from '@meltemi/runtime'
import { ApiError, callApi } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'

export interface LeaderElectionOptions {
  readonly cluster: Cluster
  readonly namespace: string
  /** Of the Lease. */
  readonly name: string
  /** Of this process, unlike that of any other one. */
  readonly identity: string
  readonly logger: Logger
  readonly clock: Clock
  readonly onElected: () => void
  readonly onChange: (isLeader: boolean) => void
}

interface Lease {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string }
  readonly spec: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly leaseTransitions?: number
    readonly acquireTime?: string
    readonly renewTime?: string
  }
}

/** As client-go has them. */
const LEASE_SECONDS = 15
const RENEW_DEADLINE_MS = 10_000
const RETRY_MS = 2_000
/** Of each call: both that a renewal takes are over within its deadline. */
const TIMEOUT_MS = 5_000
const RELEASE_MS = 2_000
const NOT_FOUND = 404
const CONFLICT = 409

/**
 * One of several replicas is the leader: the one whose name stands in a Lease, for as long as it renews that. Whoever could
 * not renew it for 10 s is no leader any more, 5 s before another one may be; clocks of machines are not compared.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions
  readonly #path: string
  readonly #stopping = new AbortController()
  /** Of this process' clock. */
  #renewedMs = Number.NEGATIVE_INFINITY
  #wasLeader = false
  /** What the Lease said last, and since when it has. */
  #seen = ''
  #seenMs = 0
  #timer: Timer | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(options: LeaderElectionOptions) {
    this.#options = options
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`
  }

  get isLeader(): boolean {
    return this.#options.clock.now() - this.#renewedMs < RENEW_DEADLINE_MS
  }

  start(): void {
    this.#turn = this.#try().finally(() => {
      if (!this.#stopping.signal.aborted) this.#timer = this.#options.clock.setTimer(RETRY_MS, () => this.start())
    })
  }

  /** Resolves when another one may lead at once. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#timer?.cancel()
    await this.#turn
    if (!this.isLeader) return
    this.#renewedMs = Number.NEGATIVE_INFINITY
    await this.#release().catch(() => {}) // then it runs out
  }

  async #try(): Promise<void> {
    const { clock, logger, onElected, onChange } = this.#options
    const startedMs = clock.now()
    try {
      if (await this.#renewOrTake()) this.#renewedMs = startedMs
    } catch (error: unknown) {
      if (!this.#stopping.signal.aborted) logger.limited('lease', 1)?.warn('the lease cannot be renewed', { error })
    }
    const isLeader = this.isLeader
    if (isLeader === this.#wasLeader) return
    this.#wasLeader = isLeader
    logger.info(isLeader ? 'leads now' : 'leads no more')
    onChange(isLeader)
    if (isLeader && !this.#stopping.signal.aborted) onElected()
  }

  /** False: it is somebody else's. */
  async #renewOrTake(): Promise<boolean> {
    const { name, identity, clock } = this.#options
    const { signal } = this.#stopping
    try {
      const lease = await callApi<Lease>(this.#cluster, `${this.#path}/${name}`, { signal, timeoutMs: TIMEOUT_MS })
      const { holderIdentity = '', leaseDurationSeconds = LEASE_SECONDS } = lease.spec
      const said = `${holderIdentity} ${lease.metadata.resourceVersion}`
      if (said !== this.#seen) this.#seenMs = clock.now()
      this.#seen = said
      const isOld = clock.now() - this.#seenMs > leaseDurationSeconds * 1000
      if (holderIdentity !== identity && holderIdentity !== '' && !isOld) return false
      const body = { ...lease, spec: this.#spec(lease) }
      await callApi(this.#cluster, `${this.#path}/${name}`, {
        method: 'PUT',
        body,
        signal,
        timeoutMs: TIMEOUT_MS,
      })
      return true
    } catch (error: unknown) {
      if (isAnswer(error, CONFLICT)) return false
      if (!isAnswer(error, NOT_FOUND)) throw error
    }
    return this.#create()
  }

  async #create(): Promise<boolean> {
    const { name, namespace } = this.#options
    const lease: Lease = { metadata: { name, namespace }, spec: this.#spec(undefined) }
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...lease }
    try {
      const { signal } = this.#stopping
      await callApi(this.#cluster, this.#path, { method: 'POST', body, signal, timeoutMs: TIMEOUT_MS })
      return true
    } catch (error: unknown) {
      if (isAnswer(error, CONFLICT)) return false
      throw error
    }
  }

  #spec(before: Lease | undefined): Lease['spec'] {
    const { identity, clock } = this.#options
    const renewTime = new Date(clock.wallTime()).toISOString().replace('Z', '000Z')
    const isSame = before?.spec.holderIdentity === identity
    return {
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime,
      acquireTime: (isSame ? before.spec.acquireTime : undefined) ?? renewTime,
      leaseTransitions: (before?.spec.leaseTransitions ?? 0) + (isSame || before === undefined ? 0 : 1),
    }
  }

  async #release(): Promise<void> {
    const { name, identity } = this.#options
    const signal = AbortSignal.timeout(RELEASE_MS)
    const lease = await callApi<Lease>(this.#cluster, `${this.#path}/${name}`, { signal })
    if (lease.spec.holderIdentity !== identity) return
    const body = { ...lease, spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 } }
    await callApi(this.#cluster, `${this.#path}/${name}`, { method: 'PUT', body, signal })
  }

  get #cluster(): Cluster {
    return this.#options.cluster
  }
}

function isAnswer(error: unknown, statusCode: number): boolean {
  return error instanceof ApiError && error.statusCode === statusCode
}
