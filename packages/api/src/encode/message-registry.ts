import { createRegistry, type Registry } from '@bufbuild/protobuf'
import { StructSchema } from '@bufbuild/protobuf/wkt'
import { TypedStructSchema } from '../gen/xds/type/v3/typed_struct_pb.ts'
import { typeRegistry } from '../schema/type-registry.ts'

/** What an Any that we write may hold: options of codecs are a Struct, and filters that only others know a TypedStruct. */
export const messageRegistry: Registry = createRegistry(typeRegistry, StructSchema, TypedStructSchema)
