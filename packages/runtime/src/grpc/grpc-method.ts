import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import type { MethodDefinition } from '@grpc/grpc-js'

/** A message to be sent: its fields, or its bytes where they are there already. */
export type OutgoingMessage<Schema extends DescMessage> = MessageInitShape<Schema> | Uint8Array

/** The type of a message, for those who only hand it on. */
export type GrpcMessage = DescMessage
export type UnaryMethod<Sent extends GrpcMessage, Received extends GrpcMessage> = DescMethodUnary<Sent, Received>
/** A message that has come. */
export type MessageOf<Type extends GrpcMessage> = MessageShape<Type>

type Definition = MethodDefinition<unknown, unknown>

const definitions = new WeakMap<DescMethod, Definition>()

/** A method as grpc-js wants it. */
export function toMethodDefinition(method: DescMethod): Definition {
  const known = definitions.get(method)
  if (known !== undefined) return known
  const definition = defineMethod(method)
  definitions.set(method, definition)
  return definition
}

function defineMethod(method: DescMethod): Definition {
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
