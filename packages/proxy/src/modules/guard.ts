import type {
  ByteWriter,
  Codec,
  CodecDefinition,
  DecodeStatus,
  Failure,
  Filter,
  FilterContext,
  FilterDefinition,
  FilterHost,
  FilterStatus,
  MessageId,
  Metadata,
  Mutation,
  ReceiveBuffer,
  Side,
} from '@meltemi/sdk'

/** Ids of the module versions whose code runs now (0: the proxy's own) and ran last. */
export type Running = Int32Array

/**
 * The same codec, which notes in `running` that code of module version `id` runs while it does: of a thread that does
 * not answer any more nothing else tells whose fault it is.
 */
export function guardCodec(definition: CodecDefinition, id: number, running: Running): CodecDefinition {
  return {
    ...definition,
    create: (side: Side, config: unknown) => {
      const before = running[0] as number
      running[0] = id
      try {
        return new GuardedCodec(definition.create(side, config), id, running)
      } finally {
        running[0] = before
      }
    },
  }
}

/** The same for a filter. */
export function guardFilter(definition: FilterDefinition, id: number, running: Running): FilterDefinition {
  return {
    name: definition.name,
    typeUrl: definition.typeUrl,
    parse: (json, problem) => definition.parse(json, problem),
    create: (config: unknown, host: FilterHost) => new GuardedFilter(definition.create(config, host), id, running),
  }
}

/** A hook that the codec lacks is lacking here too, for the proxy asks whether there is one. */
class GuardedCodec implements Codec {
  readonly #codec: Codec
  readonly #id: number
  readonly #running: Running
  patchIds?: NonNullable<Codec['patchIds']>
  heartbeatReply?: NonNullable<Codec['heartbeatReply']>
  serviceHeartbeat?: NonNullable<Codec['serviceHeartbeat']>
  healthCheck?: NonNullable<Codec['healthCheck']>
  resetStream?: NonNullable<Codec['resetStream']>
  failStream?: NonNullable<Codec['failStream']>
  goAway?: NonNullable<Codec['goAway']>

  constructor(codec: Codec, id: number, running: Running) {
    this.#codec = codec
    this.#id = id
    this.#running = running
    if (codec.patchIds !== undefined) this.patchIds = this.#patchIds
    if (codec.heartbeatReply !== undefined) this.heartbeatReply = this.#heartbeatReply
    if (codec.serviceHeartbeat !== undefined) this.serviceHeartbeat = this.#serviceHeartbeat
    if (codec.healthCheck !== undefined) this.healthCheck = this.#healthCheck
    if (codec.resetStream !== undefined) this.resetStream = this.#resetStream
    if (codec.failStream !== undefined) this.failStream = this.#failStream
    if (codec.goAway !== undefined) this.goAway = this.#goAway
  }

  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    this.#running[1] = this.#id
    try {
      return this.#codec.decode(buffer, metadata)
    } finally {
      this.#running[0] = before
    }
  }

  encode(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      this.#codec.encode(metadata, mutation, out)
    } finally {
      this.#running[0] = before
    }
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      this.#codec.onError(request, failure, out)
    } finally {
      this.#running[0] = before
    }
  }

  #patchIds(bytes: Buffer, start: number, requestId: MessageId, streamId: number): boolean {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      return this.#codec.patchIds?.(bytes, start, requestId, streamId) ?? false
    } finally {
      this.#running[0] = before
    }
  }

  #heartbeatReply(request: Metadata, out: ByteWriter): void {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      this.#codec.heartbeatReply?.(request, out)
    } finally {
      this.#running[0] = before
    }
  }

  #serviceHeartbeat(message: Metadata, out: ByteWriter): boolean {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      return this.#codec.serviceHeartbeat?.(message, out) ?? false
    } finally {
      this.#running[0] = before
    }
  }

  #healthCheck(id: number, out: ByteWriter): void {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      this.#codec.healthCheck?.(id, out)
    } finally {
      this.#running[0] = before
    }
  }

  #resetStream(opened: Metadata, streamId: number, out: ByteWriter): void {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      this.#codec.resetStream?.(opened, streamId, out)
    } finally {
      this.#running[0] = before
    }
  }

  #failStream(opened: Metadata, failure: Failure, out: ByteWriter): void {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      this.#codec.failStream?.(opened, failure, out)
    } finally {
      this.#running[0] = before
    }
  }

  #goAway(out: ByteWriter): void {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      this.#codec.goAway?.(out)
    } finally {
      this.#running[0] = before
    }
  }
}

class GuardedFilter implements Filter {
  readonly #filter: Filter
  readonly #id: number
  readonly #running: Running
  onRequest?: NonNullable<Filter['onRequest']>
  onReply?: NonNullable<Filter['onReply']>
  onDone?: NonNullable<Filter['onDone']>

  constructor(filter: Filter, id: number, running: Running) {
    this.#filter = filter
    this.#id = id
    this.#running = running
    if (filter.onRequest !== undefined) this.onRequest = this.#onRequest
    if (filter.onReply !== undefined) this.onReply = this.#onReply
    if (filter.onDone !== undefined) this.onDone = this.#onDone
  }

  #onRequest(context: FilterContext): FilterStatus {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      return this.#filter.onRequest?.(context) as FilterStatus
    } finally {
      this.#running[0] = before
    }
  }

  #onReply(context: FilterContext): FilterStatus {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      return this.#filter.onReply?.(context) as FilterStatus
    } finally {
      this.#running[0] = before
    }
  }

  #onDone(context: FilterContext): void {
    const before = this.#running[0] as number
    this.#running[0] = this.#id
    try {
      this.#filter.onDone?.(context)
    } finally {
      this.#running[0] = before
    }
  }
}
