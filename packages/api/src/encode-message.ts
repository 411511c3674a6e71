import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'

/** The bytes of a message that is given by those of its fields that are set. */
export function encodeMessage<Schema extends DescMessage>(
  schema: Schema,
  message: MessageInitShape<Schema>,
): Uint8Array<ArrayBuffer> {
  return toBinary(schema, create(schema, message))
}
