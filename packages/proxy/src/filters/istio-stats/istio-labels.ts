import type { Labels } from '@meltemi/runtime'
import { UNKNOWN, type Workload } from '../metadata-exchange/workload.ts'

/** Who tells: the proxy beside the client, or the one beside the service. */
export type Reporter = 'source' | 'destination'

/** What stays the same for all requests of one listener. */
export interface Reported {
  readonly reporter: Reporter
  /** That which this proxy stands beside. */
  readonly local: Workload
  /** Of the application. */
  readonly protocol: string
  /** Every client has shown a certificate that was verified; false if not said. */
  readonly isMutual?: boolean
}

/** What became of a request: a response flag of Envoy, or one of these. */
export const Outcome = {
  Success: 'success',
  /** Without a flag: the service says so, or a filter. */
  Failure: '-',
} as const

export interface RequestLabels {
  readonly peer: Workload
  /** Host of the service. */
  readonly service: string
  readonly outcome: string
}

/** The standard labels of Istio, with the values of the reference. */
export function istioLabels(
  { reporter, local, protocol, isMutual = false }: Reported,
  { peer, service, outcome }: RequestLabels,
): Labels {
  const isSource = reporter === 'source'
  const source = isSource ? local : peer
  const destination = isSource ? peer : local
  const isSuccess = outcome === Outcome.Success
  return {
    reporter,
    ...labelsOf('source', source),
    ...labelsOf('destination', destination),
    destination_service: service,
    destination_service_name: service,
    destination_service_namespace: destination.workload_namespace,
    request_protocol: protocol || UNKNOWN,
    response_code: isSuccess ? '0' : '1',
    response_flags: isSuccess ? '-' : outcome,
    // as in Istio: only the side of the service can tell
    connection_security_policy: isSource ? UNKNOWN : isMutual ? 'mutual_tls' : 'none',
  }
}

function labelsOf(side: 'source' | 'destination', workload: Workload): Labels {
  const labels = Object.entries(workload).map(([label, value]) => [`${side}_${label}`, value])
  return { ...Object.fromEntries(labels), [`${side}_principal`]: UNKNOWN }
}
