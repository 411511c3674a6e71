import { create, fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf'
import { type Any, anyPack, StructSchema } from '@bufbuild/protobuf/wkt'
import { TypedStructSchema } from '../gen/xds/type/v3/typed_struct_pb.ts'
import { typeNameOf, typeRegistry } from '../schema/type-registry.ts'

/** A message given by its type and its JSON; of a type that only others know it is a TypedStruct. */
export function anyFromJson(typeUrl: string, json: unknown): Any {
  const typeName = typeNameOf(typeUrl)
  if (typeName === StructSchema.typeName) return anyPack(StructSchema, fromJson(StructSchema, json as JsonValue))
  const type = typeRegistry.getMessage(typeName)
  if (type !== undefined) return anyPack(type, fromJson(type, json as JsonValue, { registry: typeRegistry }))
  const value = json as JsonObject
  return anyPack(TypedStructSchema, create(TypedStructSchema, { typeUrl: `type.googleapis.com/${typeName}`, value }))
}
