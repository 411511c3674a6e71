import { MessageType, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { type Flagged, responseFlags } from '../response-flags.ts'

/** Tags of a span: key and value in turn; values that are too long are cut. */
export class Tags {
  readonly pairs: string[] = []
  readonly #maxLength: number

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  add(key: string, value: string): void {
    this.pairs.push(key, value.length > this.#maxLength ? value.slice(0, this.#maxLength) : value)
  }

  addCluster(cluster: string): void {
    if (cluster === '') return
    this.add('upstream_cluster', cluster)
    this.add('upstream_cluster.name', cluster)
  }

  /** By Envoy's names. */
  addFailure(of: Flagged): void {
    const flags = responseFlags(of)
    if (flags !== '') this.add('response_flags', flags)
    if (of.failure !== null) this.add('response_code_details', of.failure.code)
  }

  addProperties(prefix: string, message: Metadata): void {
    for (let at = 0; at < message.size; at++) this.add(prefix + message.key(at), message.value(at))
  }
}

/** The error of a span. */
export const SERVICE_FAILURE = 'the service says failure'

/** What a reply says went wrong; null: nothing. */
export function replyError(reply: Metadata): string | null {
  return reply.status === ResponseStatus.Error || reply.type === MessageType.Error ? SERVICE_FAILURE : null
}
