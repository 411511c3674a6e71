import type { Codec, CodecDefinition } from '@meltemi/sdk'
import { type Correlator, IdCorrelator, OrderCorrelator, SingleCorrelator } from './correlator.ts'

/** How to talk to an upstream: what connections must have in common to be shared. */
export class UpstreamProtocol {
  readonly definition: CodecDefinition
  readonly options: unknown
  readonly multiplexing: boolean
  readonly maxMessageBytes: number
  /** Whether streams of several clients may share a connection: only if one of them can be ended alone. */
  readonly canShareStreams: boolean
  /** For messages to clients. */
  readonly applicationProtocol: string

  constructor(
    definition: CodecDefinition,
    options: unknown,
    multiplexing: boolean,
    maxMessageBytes: number,
    name: string,
  ) {
    this.definition = definition
    this.options = options
    this.multiplexing = multiplexing
    this.maxMessageBytes = maxMessageBytes
    this.applicationProtocol = name
    this.canShareStreams = tryOut(definition, options).resetStream !== undefined
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
