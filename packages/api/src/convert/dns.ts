import type { ClusterConfig, DnsFailureRefresh, DnsLookupFamily, SocketAddress } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertSocketAddress } from './address.ts'

type Dns = Pick<
  ClusterConfig,
  'dnsRefreshMs' | 'dnsLookupFamily' | 'dnsFailureRefresh' | 'respectDnsTtl' | 'dnsServers'
>

const RESOLVER_TYPE = 'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig'
const SCALARS = ['dns_refresh_rate', 'respect_dns_ttl', 'dns_lookup_family']
const MESSAGES = ['dns_failure_refresh_rate', 'typed_dns_resolver_config']
const LOOKUP_FAMILY: Readonly<Record<string, DnsLookupFamily>> = {
  AUTO: 'auto',
  V4_ONLY: 'v4-only',
  V6_ONLY: 'v6-only',
  V4_PREFERRED: 'v4-preferred',
  ALL: 'all',
}

/** How a cluster resolves names; of one that does not, the fields for it are refused. */
export function convertDns(cluster: ConfigMessage, discovery: ClusterConfig['discovery']): Dns {
  if (discovery !== 'strict-dns' && discovery !== 'logical-dns') return refuseDns(cluster)
  const dnsFailureRefresh = convertFailureRefresh(cluster.message('dns_failure_refresh_rate'))
  const dnsServers = convertServers(cluster)
  return {
    dnsRefreshMs: cluster.durationMs('dns_refresh_rate') ?? 5_000,
    dnsLookupFamily: LOOKUP_FAMILY[cluster.enumName('dns_lookup_family')] ?? 'auto',
    ...(dnsFailureRefresh === undefined ? {} : { dnsFailureRefresh }),
    ...(cluster.flag('respect_dns_ttl') ? { respectDnsTtl: true } : {}),
    ...(dnsServers === undefined ? {} : { dnsServers }),
  }
}

function refuseDns(cluster: ConfigMessage): Dns {
  const message = (name: string) => `${name} needs type STRICT_DNS or LOGICAL_DNS`
  for (const name of SCALARS) {
    if (cluster.has(name)) cluster.error(name, message(name))
    cluster.markRead(name)
  }
  for (const name of MESSAGES) if (cluster.has(name)) cluster.refuse(name, message(name))
  return { dnsRefreshMs: 5_000, dnsLookupFamily: 'auto' }
}

/** Without a maximum it is ten times the base, as in Envoy. */
function convertFailureRefresh(rate: ConfigMessage | undefined): DnsFailureRefresh | undefined {
  if (rate === undefined) return undefined
  const baseMs = rate.durationMs('base_interval') ?? 0
  const maxMs = rate.durationMs('max_interval') ?? baseMs * 10
  if (maxMs < baseMs) rate.error('max_interval', 'must be at least base_interval')
  return { baseMs, maxMs }
}

function convertServers(cluster: ConfigMessage): readonly SocketAddress[] | undefined {
  const config = cluster.message('typed_dns_resolver_config')?.any('typed_config')
  if (config === undefined) return undefined
  if (config.typeName !== RESOLVER_TYPE || config.message === undefined) {
    cluster.problems.refuse(config, `DNS resolver ${config.typeName} is not supported yet`)
    return undefined
  }
  return config.message.messages('resolvers').flatMap((each) => convertSocketAddress(each, 'ip') ?? [])
}
