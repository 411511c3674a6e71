import type { ClusterConfig, HealthCheckConfig, HealthCheckKind } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { type CodecContext, convertCodec } from './codec.ts'

const CODEC_CHECK_TYPE = 'meltemi.v1.CodecHealthCheck'
const NO_TRAFFIC_INTERVAL_MS = 60_000

/** What a cluster says of active health checks. */
export function convertHealthChecks(cluster: ConfigMessage, context: CodecContext): Partial<ClusterConfig> {
  const [first, ...others] = cluster.messages('health_checks')
  for (const other of others) {
    other.handOver()
    other.problems.error(other, 'a cluster has one health check')
  }
  const knowsHealth = first !== undefined || cluster.has('outlier_detection')
  const closes = knowsHealth && (cluster.flag('close_connections_on_host_health_failure') ?? false)
  const closing = closes ? { closesConnectionsOfUnhealthy: true } : {}
  if (first === undefined) return closing
  const ignoresRemoval = cluster.flag('ignore_health_on_host_removal') ?? false
  const ignoresUnchecked = cluster.message('common_lb_config')?.flag('ignore_new_hosts_until_first_hc') ?? false
  const healthCheck = convertHealthCheck(first, context)
  return {
    ...(healthCheck === undefined ? {} : { healthCheck }),
    ...closing,
    ...(ignoresRemoval ? { ignoresHealthOnRemoval: true } : {}),
    ...(ignoresUnchecked ? { ignoresUncheckedHosts: true } : {}),
  }
}

function convertHealthCheck(check: ConfigMessage, context: CodecContext): HealthCheckConfig | undefined {
  const kind = convertKind(check, context)
  const config = {
    timeoutMs: required(check, 'timeout', check.durationMs('timeout')),
    ...convertIntervals(check),
    unhealthyThreshold: threshold(check, 'unhealthy_threshold'),
    healthyThreshold: threshold(check, 'healthy_threshold'),
    initialJitterMs: check.durationMs('initial_jitter') ?? 0,
    intervalJitterMs: check.durationMs('interval_jitter') ?? 0,
    intervalJitterPercent: check.number('interval_jitter_percent') ?? 0,
    reuseConnection: check.flag('reuse_connection') ?? true,
    alwaysLogFailures: check.flag('always_log_health_check_failures') ?? false,
    alwaysLogSuccess: check.flag('always_log_health_check_success') ?? false,
  }
  return kind === undefined ? undefined : { ...config, check: kind }
}

function convertIntervals(check: ConfigMessage) {
  const intervalMs = required(check, 'interval', check.durationMs('interval'))
  const noTrafficIntervalMs = check.durationMs('no_traffic_interval') ?? NO_TRAFFIC_INTERVAL_MS
  const unhealthyIntervalMs = check.durationMs('unhealthy_interval') ?? intervalMs
  return {
    intervalMs,
    noTrafficIntervalMs,
    noTrafficHealthyIntervalMs: check.durationMs('no_traffic_healthy_interval') ?? noTrafficIntervalMs,
    unhealthyIntervalMs,
    unhealthyEdgeIntervalMs: check.durationMs('unhealthy_edge_interval') ?? unhealthyIntervalMs,
    healthyEdgeIntervalMs: check.durationMs('healthy_edge_interval') ?? intervalMs,
  }
}

/** With 0 a host would never change. */
function threshold(check: ConfigMessage, field: string): number {
  const value = required(check, field, check.number(field))
  if (value === 0 && check.has(field)) check.error(field, 'must be at least 1')
  return value
}

/** Of no use where something is missing, and then there is a problem: the rules of the message say so too. */
function required(check: ConfigMessage, field: string, value: number | undefined): number {
  if (value === undefined && !check.has(field)) check.reportMissing(field)
  return value ?? 1
}

function convertKind(check: ConfigMessage, context: CodecContext): HealthCheckKind | undefined {
  const tcp = check.message('tcp_health_check')
  if (tcp !== undefined) return convertTcp(tcp)
  const custom = check.message('custom_health_check')
  if (custom !== undefined) return convertCustom(custom, context)
  for (const other of ['http_health_check', 'grpc_health_check']) {
    if (check.has(other)) check.refuse(other, `${other} is not supported: tcp_health_check and custom_health_check are`)
  }
  return undefined
}

function convertTcp(tcp: ConfigMessage): HealthCheckKind {
  const send = tcp.message('send')
  return {
    kind: 'tcp',
    send: send === undefined ? '' : convertPayload(send),
    receive: tcp.messages('receive').map(convertPayload),
  }
}

/** In hex, however it was written. */
function convertPayload(payload: ConfigMessage): string {
  const text = payload.text('text').toLowerCase()
  if (!payload.has('text')) return Buffer.from(payload.text('binary'), 'base64').toString('hex')
  if (!/^([0-9a-f]{2})+$/.test(text)) payload.error('text', 'expected bytes in hex, two digits each')
  return text
}

function convertCustom(custom: ConfigMessage, context: CodecContext): HealthCheckKind | undefined {
  const config = custom.any('typed_config')
  if (config === undefined) {
    custom.reportMissing('typed_config')
    return undefined
  }
  const codec = config.typeName === CODEC_CHECK_TYPE ? config.message?.message('codec') : undefined
  if (config.typeName !== CODEC_CHECK_TYPE) {
    custom.refuse('typed_config', `${config.typeName} is not supported: ${CODEC_CHECK_TYPE} is`)
    return undefined
  }
  if (codec === undefined) {
    config.message?.reportMissing('codec')
    return undefined
  }
  return { kind: 'codec', codec: convertCheckingCodec(codec, context) }
}

function convertCheckingCodec(message: ConfigMessage, context: CodecContext) {
  const codec = convertCodec(message, context)
  const rule = context.options.codecs?.get(codec.name)
  const faults = rule?.validate?.(codec.options) ?? []
  if (rule?.create === undefined || faults.length > 0) return codec
  try {
    if (rule.create('upstream', codec.options).healthCheck !== undefined) return codec
    message.error('name', 'this codec, with these options, has no health check')
  } catch (error: unknown) {
    message.error('name', `the codec cannot be made: ${error instanceof Error ? error.message : String(error)}`)
  }
  return codec
}
