import type { Codec, CodecDefinition } from '@meltemi/sdk'
import { type Correlator, IdCorrelator, OrderCorrelator, SingleCorrelator } from './correlator.ts'

export interface UpstreamProtocolParts {
  readonly definition: CodecDefinition
  readonly options: unknown
  readonly multiplexing: boolean
  readonly maxMessageBytes: number
  /** 0: none. */
  readonly partialMessageTimeoutMs: number
  readonly applicationProtocol: string
}

/** Who keeps connections for a protocol. */
export interface ProtocolUser {
  /** Nobody will ask for this protocol again. */
  release(protocol: UpstreamProtocol): void
}

/** How to talk to an upstream: what connections must have in common to be shared. */
export class UpstreamProtocol implements UpstreamProtocolParts {
  readonly definition: CodecDefinition
  readonly options: unknown
  readonly multiplexing: boolean
  readonly maxMessageBytes: number
  readonly partialMessageTimeoutMs: number
  /** Whether streams of several clients may share a connection: only if one of them can be ended alone. */
  readonly canShareStreams: boolean
  /** For messages to clients. */
  readonly applicationProtocol: string
  /** Of this thread. */
  readonly users = new Set<ProtocolUser>()

  constructor(parts: UpstreamProtocolParts) {
    this.definition = parts.definition
    this.options = parts.options
    this.multiplexing = parts.multiplexing
    this.maxMessageBytes = parts.maxMessageBytes
    this.partialMessageTimeoutMs = parts.partialMessageTimeoutMs
    this.applicationProtocol = parts.applicationProtocol
    this.canShareStreams = tryOut(parts.definition, parts.options).resetStream !== undefined
  }

  /** No listener has it any more: connections finish what is under way. */
  release(): void {
    for (const user of this.users) user.release(this)
  }

  /** `many`: whether several requests may be under way on the connection. */
  correlator<Waiting>(many: boolean): Correlator<Waiting> {
    if (!many) return new SingleCorrelator()
    return this.definition.correlation === 'id' ? new IdCorrelator() : new OrderCorrelator()
  }
}

/** A codec that cannot be made is better found before any client has connected. */
function tryOut(definition: CodecDefinition, options: unknown): Codec {
  try {
    return definition.create('upstream', options)
  } catch (cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`codec '${definition.name}' cannot be created: ${why}`, { cause })
  }
}
