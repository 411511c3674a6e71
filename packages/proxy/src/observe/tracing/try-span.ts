import type { TracingConfig } from '@meltemi/api/model'
import type { Failure, Metadata } from '@meltemi/sdk'
import type { WallClock } from '../wall-clock.ts'
import type { Span } from './span.ts'
import { replyError, Tags } from './tags.ts'

/** What became of a try. */
export interface TryResult {
  readonly host: string
  readonly port: number
  /** `ip:port`. */
  readonly address: string
  /** Of our end of the connection; empty, and 0: there was none. */
  readonly localAddress: string
  readonly localPort: number
  /** null: it did not fail. */
  readonly failure: Failure | null
  /** null: none came. */
  readonly reply: Metadata | null
  /** Given up: the exchange has ended otherwise. */
  readonly isCancelled: boolean
}

export interface TrySpanParts {
  readonly host: { readonly config: TracingConfig; readonly wallClock: WallClock; end(span: Span): void }
  /** The exchange's span. */
  readonly parent: Pick<Span, 'traceId' | 'spanId' | 'traceState' | 'isDebug'>
  readonly spanId: string
  readonly cluster: string
  readonly startedMs: number
}

const NO_EVENTS: readonly (string | number)[] = []

/** The span of one try at one endpoint. */
export class TrySpan {
  readonly #parts: TrySpanParts

  constructor(parts: TrySpanParts) {
    this.#parts = parts
  }

  /** To be called once. */
  end(nowMs: number, result: TryResult): void {
    const { host, parent, spanId, cluster, startedMs } = this.#parts
    host.end({
      traceId: parent.traceId,
      spanId,
      parentSpanId: parent.spanId,
      traceState: parent.traceState,
      name: `router ${cluster} egress`,
      kind: 'client',
      startMs: host.wallClock.at(startedMs),
      endMs: host.wallClock.at(nowMs),
      tags: this.#tags(result),
      events: NO_EVENTS,
      error: errorOf(result),
      localAddress: result.localAddress,
      localPort: result.localPort,
      remoteAddress: result.host,
      remotePort: result.port,
      isShared: false,
      isDebug: parent.isDebug,
    })
  }

  #tags(result: TryResult): readonly string[] {
    const { host, cluster } = this.#parts
    const tags = new Tags(host.config.maxTagLength)
    tags.add('component', 'proxy')
    tags.add('peer.address', result.host)
    tags.add('upstream_address', result.address)
    tags.addCluster(cluster)
    if (errorOf(result) !== null) tags.add('error', 'true')
    tags.addFailure({ failure: result.failure, isClientGone: false, isDelayed: false, isRetryLimitExceeded: false })
    return tags.pairs
  }
}

function errorOf({ failure, reply, isCancelled }: TryResult): string | null {
  if (failure !== null) return failure.message
  if (isCancelled) return 'given up'
  return reply === null ? null : replyError(reply)
}
