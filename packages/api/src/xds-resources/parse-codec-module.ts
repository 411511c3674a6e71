import { createHash } from 'node:crypto'
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.ts'
import { type CodecModule, CodecModuleSchema } from '../gen/meltemi/v1/codec_module_pb.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConfigAny } from '../schema/config-value.ts'
import { type ParsedResource, parseResource, type ResourceKind } from './parse-resource.ts'
import type { ResourceContext } from './resource-context.ts'

/** A codec of larger source is a program. */
export const MAX_MODULE_BYTES: number = 4 * 1024 * 1024

/** A file that brings a codec. */
export interface DeliveredModule {
  /** SHA-256 of the source, in hex; checked. */
  readonly digest: string
  /** JavaScript. */
  readonly source: string
}

const MODULE: ResourceKind<DeliveredModule> = {
  schema: TypedExtensionConfigSchema,
  nameField: 'name',
  convert: (message) => {
    const config = message.any('typed_config')
    if (config === undefined) return undefined
    if (config.typeName === CodecModuleSchema.typeName && config.message !== undefined)
      return convertModule(config.message)
    return refuseOther(message, config)
  },
}

/**
 * Reads the bytes of an envoy.config.core.v3.TypedExtensionConfig with the registered name of a codec and a
 * meltemi.v1.CodecModule, and checks the digest; never throws.
 */
export function parseCodecModule(bytes: Uint8Array, context: ResourceContext): ParsedResource<DeliveredModule> {
  return parseResource(MODULE, bytes, context)
}

function refuseOther(message: ConfigMessage, { typeName }: ConfigAny): undefined {
  message.refuse('typed_config', `expected a ${CodecModuleSchema.typeName}, got a ${typeName}`)
}

function convertModule(module: ConfigMessage): DeliveredModule | undefined {
  const digest = module.text('digest' satisfies keyof CodecModule)
  const bytes = Buffer.from(module.text('source'), 'base64')
  if (digest === '') module.reportMissing('digest')
  if (bytes.length === 0) module.reportMissing('source')
  if (bytes.length > MAX_MODULE_BYTES)
    module.error('source', `has ${bytes.length} bytes, more than ${MAX_MODULE_BYTES}`)
  const found = createHash('sha256').update(bytes).digest('hex')
  if (digest !== '' && bytes.length > 0 && found !== digest) module.error('digest', `the source has digest ${found}`)
  return { digest, source: bytes.toString('utf8') }
}
