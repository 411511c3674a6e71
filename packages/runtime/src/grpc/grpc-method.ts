import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf'
import type { MethodDefinition } from '@grpc/grpc-js'

/** A message to be sent: its fields, or its bytes where they are there already. */
export type OutgoingMessage<Schema extends DescMessage> = MessageInitShape<Schema> | Uint8Array

/** A method as grpc-js wants it. */
export function toMethodDefinition(method: DescMethod): MethodDefinition<unknown, unknown> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: (message) => serialize(method.input, message),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => serialize(method.output, message),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  }
}

function serialize(schema: DescMessage, message: unknown): Buffer {
  const bytes =
    message instanceof Uint8Array ? message : toBinary(schema, create(schema, message as MessageInitShape<DescMessage>))
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
