import { type DescMessage, fromBinary } from '@bufbuild/protobuf'
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect'
import { ListValueSchema, StructSchema, ValueSchema } from '@bufbuild/protobuf/wkt'
import { TypedStructSchema as OldTypedStructSchema } from '../gen/udpa/type/v1/typed_struct_pb.ts'
import { TypedStructSchema } from '../gen/xds/type/v3/typed_struct_pb.ts'
import type { ReadContext } from '../schema/read-message.ts'
import { findMessageType } from '../schema/type-registry.ts'

/** Messages that JSON spells out in the Any itself, so that only the binary form needs their descriptors. */
const SPELLED_OUT: ReadonlyMap<string, DescMessage> = new Map(
  [StructSchema, ValueSchema, ListValueSchema, TypedStructSchema, OldTypedStructSchema].map((type) => [
    type.typeName,
    type,
  ]),
)

/** The message that an Any with this type name holds; undefined when we do not know it. */
export function findBinaryType(typeName: string): DescMessage | undefined {
  return SPELLED_OUT.get(typeName) ?? findMessageType(typeName)
}

/** Bytes as a message; undefined, with a problem at `path`, when they are not one. Never throws. */
export function tryDecode(
  context: ReadContext,
  type: DescMessage,
  bytes: Uint8Array,
  path: string,
): ReflectMessage | undefined {
  try {
    return reflect(type, fromBinary(type, bytes))
  } catch (error: unknown) {
    const reason = error instanceof Error ? error.message : String(error)
    context.problems.error({ path, place: { line: 0, column: 0 } }, `cannot be read as ${type.typeName}: ${reason}`)
    return undefined
  }
}
