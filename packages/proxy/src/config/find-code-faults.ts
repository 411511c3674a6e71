import type { MetaProtocolConfig, ProxyConfig, RouteConfig } from '@meltemi/api/model'
import type { CodecDefinition } from '@meltemi/sdk'
import { sameName } from './same-name.ts'

/**
 * Why these codecs cannot serve a configuration that was loaded with others of the same names: what the loading of a
 * configuration checks against its codecs.
 */
export function findCodeFaults(config: ProxyConfig, codecs: readonly CodecDefinition[]): readonly string[] {
  return config.listeners.flatMap(({ name, filter }) => {
    if (filter.kind !== 'meta-protocol') return []
    const codec = codecs.find((known) => sameName(known.name, filter.codec.name))
    const faults = codec === undefined ? [`codec '${filter.codec.name}' is gone`] : faultsOf(filter, codec)
    return faults.map((fault) => `listener '${name}' uses it, but ${fault}`)
  })
}

function faultsOf({ codec: { options }, routes }: MetaProtocolConfig, codec: CodecDefinition): readonly string[] {
  const faults = codec.validate?.(options) ?? (options === undefined ? [] : ['this codec takes no options'])
  const unable = (['request', 'response'] as const).flatMap((side) => {
    if (codec.mutation === side || codec.mutation === 'both') return []
    const route = routes.routes.find((candidate) => changes(candidate, side))
    return route === undefined ? [] : [`route '${route.name}' changes ${side}s, which this codec cannot`]
  })
  return [...faults, ...unable]
}

function changes(route: RouteConfig, side: 'request' | 'response'): boolean {
  return (side === 'request' ? route.requestMutation : route.responseMutation).length > 0
}
