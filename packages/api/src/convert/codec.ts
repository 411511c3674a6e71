import type { CodecConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { toPlainJson } from '../schema/plain-json.ts'
import type { CodecRule, ConvertContext } from './convert-context.ts'

/** What reading a Codec depends on. */
export type CodecContext = Pick<ConvertContext, 'options' | 'isDelivered'>

/** Reads a Codec; with known codecs the result has the registered name, however hyphens and underscores were written. */
export function convertCodec(codec: ConfigMessage, context: CodecContext): CodecConfig {
  const given = codec.text('name')
  const options = convertOptions(codec)
  const moduleDigest = convertDigest(codec, context)
  const { codecs } = context.options
  // what a module will bring is known when it is there
  if (codecs === undefined || given === '' || moduleDigest !== undefined) return { name: given, options, moduleDigest }
  const name = findCodecName(given, codecs)
  if (name === undefined) {
    const known = [...codecs.keys()].toSorted().join(', ')
    codec.error('name', `there is no codec ${JSON.stringify(given)}, known are: ${known}`)
    return { name: given, options, moduleDigest }
  }
  for (const fault of optionFaults(codecs.get(name), options)) codec.error('config', fault)
  return { name, options, moduleDigest }
}

function convertDigest(codec: ConfigMessage, { isDelivered }: CodecContext): string | undefined {
  const digest = codec.text('module_digest')
  if (digest === '') return undefined
  if (!isDelivered) codec.error('module_digest', 'modules by digest come with the listeners of a control plane only')
  else if (!/^[0-9a-f]{64}$/.test(digest)) codec.error('module_digest', 'expected a SHA-256 in 64 hex digits')
  return digest
}

/** A codec that checks no options has none: accepting them would be ignoring them. */
function optionFaults(rule: CodecRule | undefined, options: unknown): readonly string[] {
  if (rule?.validate !== undefined) return rule.validate(options)
  return options === undefined ? [] : ['this codec takes no options']
}

function findCodecName(given: string, codecs: ReadonlyMap<string, CodecRule>): string | undefined {
  if (codecs.has(given)) return given
  const plain = given.replaceAll('_', '-')
  return [...codecs.keys()].find((name) => name.replaceAll('_', '-') === plain)
}

/** A codec's own options may have a type that only the codec knows: it gets their JSON. */
function convertOptions(codec: ConfigMessage): unknown {
  const config = codec.any('config')
  if (config === undefined) return undefined
  const json = config.message === undefined ? config.json : toPlainJson(config.message)
  config.message?.handOver()
  return typeof json === 'object' && json !== null && Object.keys(json).length === 0 ? undefined : json
}
