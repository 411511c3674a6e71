import type { CodecDefinition, Metadata } from '@meltemi/sdk'

/** A protocol in which the context of a trace can travel: what a test has to know of it. */
export interface TracedCodec {
  readonly codec: CodecDefinition
  /** The module that a proxy has to load; undefined: it comes along. */
  readonly module: string | undefined
  /** A request with these properties, for which there is one reply. */
  request(id: number, pairs: Readonly<Record<string, string>>): Buffer
}

export function pairsOf(message: Metadata): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from({ length: message.size }, (_, at) => [message.key(at), message.value(at)]))
}
