import { labelledName, type PrometheusName, toPrometheusName } from '@meltemi/runtime'

const RULE = /^ratelimit\.service\.rate_limit\.(.+)\.([a-z_]+)$/
const CALL_ERROR = /^ratelimit\.service\.call\.should_rate_limit\.([a-z_]+)$/
const METHOD = /^ratelimit_server\.(\w+)\.(total_requests|response_time)$/
const METHOD_FAMILIES: Readonly<Record<string, string>> = {
  total_requests: 'ratelimit_service_total_requests',
  response_time: 'ratelimit_service_response_time_milliseconds',
}

/**
 * Names for Prometheus as the reference's own mapping has them: a family for each stat, with the domain and the keys as
 * labels. `domains`: for names that have dots.
 */
export function prometheusName(statName: string, domains: Iterable<string>): PrometheusName {
  const [, key, stat] = RULE.exec(statName) ?? []
  if (key !== undefined) return withLabels(`ratelimit_service_rate_limit_${stat}`, ruleLabels(key, domains), statName)
  const [, error] = CALL_ERROR.exec(statName) ?? []
  if (error !== undefined) return withLabels('ratelimit_service_should_rate_limit_error', { err_type: error }, statName)
  const [, method, which = ''] = METHOD.exec(statName) ?? []
  if (method !== undefined) return withLabels(METHOD_FAMILIES[which] ?? '', { grpc_method: method }, statName)
  return statName.startsWith('ratelimit.')
    ? { family: statName.replaceAll(/\W/g, '_'), label: '', help: statName }
    : toPrometheusName(statName)
}

function ruleLabels(key: string, domains: Iterable<string>): Record<string, string> {
  const [first = ''] = key.split('.', 1)
  let domain = first
  for (const known of domains) {
    if (known.length > domain.length && (key === known || key.startsWith(`${known}.`))) domain = known
  }
  const keys = key.slice(domain.length + 1).split('.')
  const labels: Record<string, string> = { domain }
  for (const [index, part] of keys.entries()) if (part !== '') labels[`key${index + 1}`] = part
  return labels
}

function withLabels(family: string, labels: Record<string, string>, statName: string): PrometheusName {
  const label = labelledName('', labels).slice(1, -1)
  return { family, label, help: statName.replaceAll(/[\n\\]/g, '_') }
}
