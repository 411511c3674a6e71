/** What is measured: one function per operation, which runs it once for all messages of a sample. */

import type { Codec, CodecDefinition } from '../../codec.ts'
import {
  ByteWriter,
  DecodeStatus,
  ErrorType,
  type Failure,
  MessageType,
  Metadata,
  Mutation,
  ReceiveBuffer,
} from '../../index.ts'
import { decodeSample, type Sample } from '../sample.ts'

/** `ids`: other ids are written, by patchIds where that does it, else by encode. */
export type Operation = 'decode' | 'encode' | 'mutate' | 'patchIds' | 'ids by encode' | 'onError'

/** Runs an operation for each of so many messages. */
export interface Runner {
  readonly operation: Operation
  readonly messages: number
  run(): void
}

const NO_ROUTE: Failure = {
  code: 'no_matched_route',
  type: ErrorType.RouteNotFound,
  message: 'meta protocol router: no route for the request',
  source: 'proxy',
  retriable: 'no',
}
const OTHER_ID = 0x0badcafe
const ADDED_KEY = 'x-added'

/** The operations that this sample's messages can be put through. */
export function runnersOf(definition: CodecDefinition, sample: Sample): readonly Runner[] {
  const messages = decodeSample(definition, sample)
  const context: Context = { definition, sample, messages, codec: definition.create(sample.side, sample.config) }
  const runners = [decoding(context), encoding(context), mutating(context), changingIds(context), refusing(context)]
  return runners.filter((runner) => runner !== undefined)
}

interface Context {
  readonly definition: CodecDefinition
  readonly sample: Sample
  readonly messages: readonly Metadata[]
  readonly codec: Codec
}

/** With the Metadata of each message; a connection that can read the sample only once is made anew each time. */
function decoding({ definition, sample, messages, codec }: Context): Runner {
  const type = sample.side === 'downstream' ? MessageType.Request : MessageType.Response
  const buffer = new ReceiveBuffer()
  const kept = { last: new Metadata() }
  const run = (): void => {
    const reader = sample.once ? definition.create(sample.side, sample.config) : codec
    buffer.append(sample.bytes)
    while (buffer.length > 0) {
      kept.last = new Metadata(type)
      if (reader.decode(buffer, kept.last) !== DecodeStatus.Done) throw new Error('the sample is no whole message')
    }
  }
  return { operation: 'decode', messages: messages.length, run }
}

function encoding(context: Context): Runner {
  return { operation: 'encode', messages: context.messages.length, run: encodeAll(context, Mutation.none) }
}

function mutating(context: Context): Runner | undefined {
  const { definition, sample } = context
  const able = definition.mutation === 'both' || definition.mutation === sideName(sample)
  const messages = context.messages.filter(isMutable)
  if (!able || sample.mutable === false || messages.length === 0) return undefined
  const mutation = new Mutation()
  mutation.set(ADDED_KEY, 'value')
  return { operation: 'mutate', messages: messages.length, run: encodeAll({ ...context, messages }, mutation) }
}

function changingIds(context: Context): Runner | undefined {
  const { definition, sample, messages, codec } = context
  if (definition.correlation !== 'id' || sample.ids === false) return undefined
  const streams = messages.map(({ streamId }) => (streamId === 0 ? 0 : OTHER_ID))
  // as much as the framework copies: the header, and 256 bytes at least
  const heads = messages.map(({ message, headerSize }) => Buffer.from(message.subarray(0, Math.max(headerSize, 256))))
  const patch = (): boolean => {
    let isDone = true
    for (let n = 0; n < heads.length; n++) {
      isDone = (codec.patchIds?.(heads[n] as Buffer, 0, OTHER_ID, streams[n] as number) ?? false) && isDone
    }
    return isDone
  }
  if (patch()) return { operation: 'patchIds', messages: messages.length, run: patch }
  const changed = decodeSample(definition, sample)
  for (const [n, message] of changed.entries()) {
    message.requestId = OTHER_ID
    message.streamId = streams[n] as number
  }
  const run = encodeAll({ ...context, messages: changed }, Mutation.none)
  return { operation: 'ids by encode', messages: changed.length, run }
}

function refusing({ sample, messages, codec }: Context): Runner | undefined {
  const requests = messages.filter(({ type }) => type === MessageType.Request)
  if (sample.side === 'upstream' || requests.length === 0) return undefined
  const out = new ByteWriter()
  const run = (): void => {
    for (let n = 0; n < requests.length; n++) codec.onError(requests[n] as Metadata, NO_ROUTE, out)
    out.truncate(0)
  }
  return { operation: 'onError', messages: requests.length, run }
}

function encodeAll({ messages, codec }: Pick<Context, 'messages' | 'codec'>, mutation: Mutation): () => void {
  const out = new ByteWriter()
  return () => {
    for (let n = 0; n < messages.length; n++) codec.encode(messages[n] as Metadata, mutation, out)
    out.truncate(0)
  }
}

function isMutable({ type }: Metadata): boolean {
  return type === MessageType.Request || type === MessageType.Oneway || type === MessageType.Response
}

function sideName({ side }: Sample): 'request' | 'response' {
  return side === 'downstream' ? 'request' : 'response'
}
