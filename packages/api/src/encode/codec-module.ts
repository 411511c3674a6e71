import { create, toBinary } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.ts'
import { CodecModuleSchema } from '../gen/meltemi/v1/codec_module_pb.ts'

/** A module that brings a codec. */
export interface CodecModuleConfig {
  /** Registered name of the codec. */
  readonly codec: string
  /** SHA-256 of the source, in hex. */
  readonly digest: string
  /** JavaScript, one file. */
  readonly source: Uint8Array
}

/** An envoy.config.core.v3.TypedExtensionConfig in protobuf that holds a meltemi.v1.CodecModule, named as the codec. */
export function encodeCodecModule({ codec, digest, source }: CodecModuleConfig): Uint8Array {
  const typedConfig = anyPack(CodecModuleSchema, create(CodecModuleSchema, { digest, source }))
  return toBinary(TypedExtensionConfigSchema, create(TypedExtensionConfigSchema, { name: codec, typedConfig }))
}
