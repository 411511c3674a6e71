import type { ProxyConfig } from '@meltemi/api/model'
import { MAX_CODECS, type ReportRequestSchema, Telemetry } from '@meltemi/api/xds'
import type { ClientTlsOptions, Clock, Logger, MetricReader, Timer } from '@meltemi/runtime'
import { type ClientStream, createGrpcClient, type GrpcClient, GrpcCode, type GrpcStatus } from '@meltemi/runtime/grpc'
import { TrafficCounts } from './traffic-counts.ts'
import { Backoff } from './util/backoff.ts'
import type { Random } from './util/random.ts'

/** A codec, and the SHA-256 in hex of the module that it is from. */
export interface CodecInUse {
  readonly codec: string
  readonly digest: string
}

const PERIOD_MS = 2_000

export interface TrafficReporterParts {
  /** `host:port` of control planes; tried in turn. */
  readonly addresses: readonly string[]
  /** How they are called; undefined: plain. Throws where that is not known yet. */
  tls?(): ClientTlsOptions | undefined
  readonly node: ProxyConfig['node']
  readonly userAgentVersion: string
  readonly metrics: MetricReader
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Those that did not come with the proxy. */
  codecs(): readonly CodecInUse[]
}

/**
 * Tells a control plane each two seconds what the proxy did, for its live page, and which codecs it runs. One that does not know this service is
 * left alone. What happens while there is no stream is nobody's news later.
 */
export class TrafficReporter {
  readonly #parts: TrafficReporterParts
  readonly #counts: TrafficCounts
  readonly #backoff: Backoff
  #client: GrpcClient | undefined
  #stream: ClientStream<typeof ReportRequestSchema> | undefined
  #timer: Timer | undefined
  #attempts = 0
  #isClosed = false

  constructor(parts: TrafficReporterParts) {
    this.#parts = parts
    this.#counts = new TrafficCounts(parts.metrics)
    this.#backoff = new Backoff(parts.random)
  }

  start(): void {
    this.#open()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#client?.close()
  }

  /** undefined: it cannot be called yet, and is tried again. */
  #connect(address: string): GrpcClient | undefined {
    try {
      const tls = this.#parts.tls?.()
      return createGrpcClient({ address, ...(tls === undefined ? {} : { tls }) })
    } catch (error: unknown) {
      this.#onLost({ code: GrpcCode.UNAVAILABLE, message: String(error) })
      return undefined
    }
  }

  #open(): void {
    const { addresses, node, userAgentVersion } = this.#parts
    const address = addresses[this.#attempts++ % addresses.length] as string
    const client = this.#connect(address)
    if (client === undefined) return
    this.#client = client
    this.#stream = client.open(Telemetry.method.report, {
      onMessage: () => {},
      onClose: (status) => {
        client.close()
        this.#onLost(status)
      },
    })
    const userAgentVersionType = { case: 'userAgentVersion' as const, value: userAgentVersion }
    const { id, cluster, metadata } = node
    this.#stream.write({
      node: { id, cluster, metadata: metadata as never, userAgentName: 'meltemi', userAgentVersionType },
    })
    this.#counts.take()
    this.#schedule()
  }

  #schedule(): void {
    this.#timer = this.#parts.clock.setTimer(PERIOD_MS, () => {
      this.#report()
      this.#schedule()
    })
  }

  #report(): void {
    if (this.#stream === undefined || this.#stream.unsent > 0) return
    this.#backoff.reset()
    const codecs = this.#parts.codecs().slice(0, MAX_CODECS)
    this.#stream.write({ series: [...this.#counts.take()], codecs: codecs.map((each) => ({ ...each })) })
  }

  #onLost({ code, message }: GrpcStatus): void {
    this.#stream = undefined
    this.#timer?.cancel()
    if (this.#isClosed) return
    const { logger, clock } = this.#parts
    logger.debug('reports of traffic are not taken', { code, reason: message })
    if (code !== GrpcCode.UNIMPLEMENTED) this.#timer = clock.setTimer(this.#backoff.next(), () => this.#open())
  }
}
