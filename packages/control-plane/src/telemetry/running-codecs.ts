export interface RunningCodec {
  /** Registered name. */
  readonly codec: string
  /** SHA-256 of its module, in hex. */
  readonly digest: string
}

/** Which codecs each proxy runs that did not come with it, as it has reported last on a stream that is still open. */
export class RunningCodecs {
  readonly #byStream = new Map<object, { readonly node: string; readonly codecs: readonly RunningCodec[] }>()

  set(stream: object, node: string, codecs: readonly RunningCodec[]): void {
    this.#byStream.set(stream, { node, codecs })
  }

  delete(stream: object): void {
    this.#byStream.delete(stream)
  }

  /** By id of the node. A proxy that has just come back may have two streams: the newer one counts. */
  byNode(): ReadonlyMap<string, readonly RunningCodec[]> {
    return new Map([...this.#byStream.values()].map(({ node, codecs }) => [node, codecs]))
  }
}
