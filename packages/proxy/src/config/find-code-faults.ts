import { type MetaProtocolConfig, type NamedRoutes, type ProxyConfig, rdsKey } from '@meltemi/api/model'
import type { CodecDefinition } from '@meltemi/sdk'
import { sameName } from './same-name.ts'

/** What a route changes of messages; a compiled route is one. */
export interface ChangingRoute {
  readonly name: string
  readonly requestChanges: readonly unknown[]
  readonly responseChanges: readonly unknown[]
}

/**
 * Why these codecs cannot serve a configuration that was loaded with others of the same names: what the loading of a
 * configuration checks against its codecs. `routes`: those that come from elsewhere.
 */
export function findCodeFaults(
  config: ProxyConfig,
  routes: readonly NamedRoutes[],
  codecs: readonly CodecDefinition[],
): readonly string[] {
  const tables = new Map(routes.map(({ key, table }) => [key, table]))
  return config.listeners.flatMap(({ name, filter }) => {
    if (filter.kind !== 'meta-protocol') return []
    const codec = codecs.find((known) => sameName(known.name, filter.codec.name))
    const table = filter.rds === undefined ? filter.routes : tables.get(rdsKey(filter.rds))
    const changing = table?.routes.map((route) => ({
      name: route.name,
      requestChanges: route.requestMutation,
      responseChanges: route.responseMutation,
    }))
    const faults =
      codec === undefined ? [`codec '${filter.codec.name}' is gone`] : findCodecFaults(filter, changing ?? [], codec)
    return faults.map((fault) => `listener '${name}' uses it, but ${fault}`)
  })
}

/** Why a codec cannot do what a listener with these routes asks of it. */
export function findCodecFaults(
  { codec: { options } }: MetaProtocolConfig,
  routes: readonly ChangingRoute[],
  codec: CodecDefinition,
): readonly string[] {
  const faults = codec.validate?.(options) ?? (options === undefined ? [] : ['this codec takes no options'])
  const unable = (['request', 'response'] as const).flatMap((side) => {
    if (codec.mutation === side || codec.mutation === 'both') return []
    const route = routes.find((candidate) => candidate[`${side}Changes`].length > 0)
    return route === undefined ? [] : [`route '${route.name}' changes ${side}s, which this codec cannot`]
  })
  return [...faults, ...unable]
}
