import type { Propagation, TracingConfig, TracingProvider } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { toProtoJson } from '../schema/plain-json.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertTracer } from './tracer.ts'

const MAX_TAG_LENGTH = 256

/** Reads field `tracing` of a MetaProtocolProxy; undefined: nothing is traced. */
export function convertTracing(proxy: ConfigMessage, context: ConvertContext): TracingConfig | undefined {
  const tracing = proxy.message('tracing')
  if (tracing === undefined) return undefined
  const own = tracing.message('provider')
  const provider = own === undefined ? context.tracingProvider : convertTracer(own, context.clusterNames)
  if (own === undefined && provider === undefined) {
    tracing.warning('provider', 'there is none, here or in the bootstrap, so there will be no spans')
  }
  return {
    // as the reference: whole percents of this one, hundredths of the others
    clientSampling: Math.trunc(percent(tracing, 'client_sampling')),
    randomSampling: Math.round(percent(tracing, 'random_sampling') * 100),
    overallSampling: Math.round(percent(tracing, 'overall_sampling') * 100),
    verbose: tracing.flag('verbose') ?? false,
    maxTagLength: tracing.number('max_tag_length') ?? MAX_TAG_LENGTH,
    propagation: convertPropagation(tracing, provider),
    provider,
    asConfigured: toProtoJson(tracing),
  }
}

function percent(tracing: ConfigMessage, name: string): number {
  const message = tracing.message(name)
  return message === undefined ? 100 : (message.number('value') ?? 0)
}

function convertPropagation(tracing: ConfigMessage, provider: TracingProvider | undefined): readonly Propagation[] {
  const given = tracing.texts('propagation') as readonly Propagation[]
  if (given.length > 0) return [...new Set(given)]
  return provider === undefined || provider.kind === 'zipkin' ? ['b3multi'] : ['w3c']
}
