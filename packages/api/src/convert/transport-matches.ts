import type { TransportMatch } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { SourceContext } from './convert-context.ts'
import { convertUpstreamTls } from './tls.ts'

/** Reads `transport_socket_matches` of a cluster, in order. */
export function convertTransportMatches(cluster: ConfigMessage, sources: SourceContext): readonly TransportMatch[] {
  return cluster.messages('transport_socket_matches').map((each) => {
    if (!each.has('transport_socket')) each.reportMissing('transport_socket')
    return {
      name: each.text('name'),
      match: (each.json('match') as Readonly<Record<string, unknown>> | undefined) ?? {},
      tls: convertUpstreamTls(each, sources),
    }
  })
}
