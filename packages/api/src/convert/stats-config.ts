import {
  type HistogramBucketsConfig,
  labelOfTag,
  type StatsConfig,
  type StatsMatcherConfig,
  type StatTagConfig,
} from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertStringMatch, regexFault, regexGroups } from './match.ts'

/** Envoy's names for parts of stats that this proxy has too; they become labels without a regex of one's own. */
export const DEFAULT_TAGS: ReadonlySet<string> = new Set([
  'envoy.cluster_name',
  'envoy.listener_address',
  'envoy.tcp_prefix',
])
/** Those for parts of stats that this proxy does not have: of HTTP, of other databases. */
const OTHER_TAGS: ReadonlySet<string> = new Set(
  `cipher_suite cipher_curve cipher_sigalg cipher_version ssl_curve ssl_sigalg ssl_version clientssl_prefix dns_filter_prefix
  ext_authz_prefix fault_downstream_cluster google_grpc_client_prefix grpc_bridge_method grpc_bridge_service
  http_conn_manager_prefix http_user_agent local_http_ratelimit_prefix local_listener_ratelimit_prefix
  local_network_ratelimit_prefix mongo_callsite mongo_cmd mongo_collection mongo_prefix proxy_protocol_prefix
  proxy_protocol_version ratelimit_prefix rbac_prefix rbac_http_hcm_prefix rbac_policy_name redis_prefix
  response_code response_code_class rds_route_config route scoped_rds_config thrift_prefix tls_certificate udp_prefix
  virtual_cluster virtual_host worker_id xds_resource_name connection_limit_prefix dynamo_operation dynamo_table
  dynamo_partition_id aws_region`
    .split(/\s+/)
    .map((name) => `envoy.${name}`),
)
/** Prometheus names the buckets of a histogram with it. */
const RESERVED_LABEL = 'le'

/** Reads `stats_config`; undefined: it is not there. */
export function convertStatsConfig(bootstrap: ConfigMessage): StatsConfig | undefined {
  const stats = bootstrap.message('stats_config')
  if (stats === undefined) return undefined
  return {
    tags: convertTags(stats),
    useDefaultTags: stats.flag('use_all_default_tags') ?? true,
    matcher: convertMatcher(stats.message('stats_matcher')),
    histogramBuckets: stats.messages('histogram_bucket_settings').flatMap((each) => convertBuckets(each) ?? []),
  }
}

function convertTags(stats: ConfigMessage): readonly StatTagConfig[] {
  return stats.messages('stats_tags').flatMap((tag) => {
    const name = tag.text('tag_name')
    if (name === '') tag.reportMissing('tag_name')
    else if (labelOfTag(name) === RESERVED_LABEL) {
      tag.error('tag_name', `${RESERVED_LABEL} is the label of histogram buckets`)
    }
    return convertTag(tag, name) ?? []
  })
}

function convertTag(tag: ConfigMessage, name: string): StatTagConfig | undefined {
  const pattern = tag.text('regex')
  if (tag.has('fixed_value')) return { kind: 'fixed', name, value: tag.text('fixed_value') }
  if (pattern !== '') {
    const fault = tagPatternFault(pattern)
    if (fault !== undefined) tag.error('regex', fault)
    return { kind: 'regex', name, pattern }
  }
  if (DEFAULT_TAGS.has(name)) return { kind: 'default', name }
  if (OTHER_TAGS.has(name)) tag.warning('tag_name', `no stat of this proxy has a part that is ${name}`)
  else if (name !== '') {
    tag.error('tag_name', `there is no default regex for ${JSON.stringify(name)}: regex or fixed_value is required`)
  }
  return undefined
}

function tagPatternFault(pattern: string): string | undefined {
  const fault = regexFault(pattern)
  if (fault !== undefined) return fault
  return regexGroups(pattern) > 0 ? undefined : 'expected a group, which says what is taken out of the name'
}

function convertMatcher(matcher: ConfigMessage | undefined): StatsMatcherConfig | undefined {
  if (matcher === undefined) return undefined
  if (matcher.has('reject_all')) {
    return matcher.flag('reject_all') === true ? { kind: 'include', patterns: [] } : undefined
  }
  const kind = matcher.has('inclusion_list') ? 'include' : 'exclude'
  const list = matcher.message(kind === 'include' ? 'inclusion_list' : 'exclusion_list')
  return { kind, patterns: (list?.messages('patterns') ?? []).map(convertStringMatch) }
}

function convertBuckets(setting: ConfigMessage): HistogramBucketsConfig | undefined {
  const match = setting.message('match')
  const bounds = [...setting.numbers('buckets')].sort((a, b) => a - b)
  if (new Set(bounds).size < bounds.length) setting.error('buckets', 'each bound can be there once')
  return match === undefined ? undefined : { match: convertStringMatch(match), bounds }
}
