import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock, Logger, MetricRegistry } from '@meltemi/runtime'
import type { Backend } from '../admin/backend.ts'
import type { Cluster } from './connect-cluster.ts'
import { LeaderElection } from './leader-election.ts'
import { ownNamespace } from './own-namespace.ts'
import { StatusWriter } from './status-writer.ts'

export interface ClusterWriterOptions {
  readonly cluster: Cluster
  /** Where the Lease is; undefined: the own one. */
  readonly namespace: string | undefined
  readonly backend: Backend
  readonly logger: Logger
  readonly metrics: MetricRegistry
  readonly clock: Clock
}

const LEASE = 'meltemi-control-plane'

/** Everything that is written to a cluster, by one replica at a time. */
export class ClusterWriter {
  readonly #election: LeaderElection
  readonly #status: StatusWriter

  constructor(options: ClusterWriterOptions) {
    const { cluster, namespace = ownNamespace(cluster), logger, metrics } = options
    const leads = metrics.gauge('control_plane.is_leader')
    this.#status = new StatusWriter({ ...options, isLeader: () => this.#election.isLeader })
    this.#election = new LeaderElection({
      ...options,
      namespace,
      name: LEASE,
      identity: `${hostname()}_${randomUUID()}`,
      logger: logger.child('leader'),
      onElected: () => this.#status.writeAll(),
      onChange: (isLeader) => leads.set(isLeader ? 1 : 0),
    })
  }

  get isLeader(): boolean {
    return this.#election.isLeader
  }

  start(): void {
    this.#election.start()
  }

  async stop(): Promise<void> {
    await this.#status.stop()
    await this.#election.stop()
  }
}
