/** The public names of the contract, by hand. What is not here is promised to nobody. */

export { ByteWriter } from './bytes/byte-writer.ts'
export { ReceiveBuffer } from './bytes/receive-buffer.ts'
export type { Codec, CodecDefinition, Side } from './codec.ts'
export { ErrorType, type Failure, ProtocolError } from './failure.ts'
export {
  type ConnectionInfo,
  type Filter,
  type FilterContext,
  type FilterDefinition,
  type FilterHost,
  FilterStatus,
  type RouteInfo,
} from './filter.ts'
export { Affinity, DecodeStatus, type MessageId, MessageType, Metadata, Mutation, ResponseStatus } from './message.ts'
