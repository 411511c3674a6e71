import { create } from '@bufbuild/protobuf'
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt'
import type { HealthCheck_PayloadSchema, HealthCheckSchema } from '../gen/envoy/config/core/v3/health_check_pb.ts'
import { CodecHealthCheckSchema } from '../gen/meltemi/v1/codec_health_check_pb.ts'
import type { HealthCheckConfig, HealthCheckKind } from '../model/index.ts'
import type { Init } from './init.ts'
import { codecInit } from './meta-protocol-proxy.ts'

type CheckInit = Init<typeof HealthCheckSchema>

const NO_TRAFFIC_INTERVAL_MS = 60_000

/** A HealthCheck; what has its default value is left out. */
export function healthCheckInit(check: HealthCheckConfig): CheckInit {
  return {
    timeout: durationFromMs(check.timeoutMs),
    ...intervalsInit(check),
    unhealthyThreshold: check.unhealthyThreshold,
    healthyThreshold: check.healthyThreshold,
    ...(check.initialJitterMs === 0 ? {} : { initialJitter: durationFromMs(check.initialJitterMs) }),
    ...(check.intervalJitterMs === 0 ? {} : { intervalJitter: durationFromMs(check.intervalJitterMs) }),
    intervalJitterPercent: check.intervalJitterPercent,
    ...(check.reuseConnection ? {} : { reuseConnection: false }),
    alwaysLogHealthCheckFailures: check.alwaysLogFailures,
    alwaysLogHealthCheckSuccess: check.alwaysLogSuccess,
    healthChecker: kindInit(check.check),
  }
}

function intervalsInit(check: HealthCheckConfig): CheckInit {
  const { intervalMs, noTrafficIntervalMs, unhealthyIntervalMs } = check
  const healthyMs = check.noTrafficHealthyIntervalMs
  const unhealthyEdgeMs = check.unhealthyEdgeIntervalMs
  const healthyEdgeMs = check.healthyEdgeIntervalMs
  return {
    interval: durationFromMs(intervalMs),
    ...(noTrafficIntervalMs === NO_TRAFFIC_INTERVAL_MS
      ? {}
      : { noTrafficInterval: durationFromMs(noTrafficIntervalMs) }),
    ...(healthyMs === noTrafficIntervalMs ? {} : { noTrafficHealthyInterval: durationFromMs(healthyMs) }),
    ...(unhealthyIntervalMs === intervalMs ? {} : { unhealthyInterval: durationFromMs(unhealthyIntervalMs) }),
    ...(unhealthyEdgeMs === unhealthyIntervalMs ? {} : { unhealthyEdgeInterval: durationFromMs(unhealthyEdgeMs) }),
    ...(healthyEdgeMs === intervalMs ? {} : { healthyEdgeInterval: durationFromMs(healthyEdgeMs) }),
  }
}

function kindInit(kind: HealthCheckKind): NonNullable<CheckInit['healthChecker']> {
  if (kind.kind === 'tcp') {
    const send = kind.send === '' ? {} : { send: payloadInit(kind.send) }
    return { case: 'tcpHealthCheck', value: { ...send, receive: kind.receive.map(payloadInit) } }
  }
  const config = create(CodecHealthCheckSchema, { codec: codecInit(kind.codec) })
  const typedConfig = anyPack(CodecHealthCheckSchema, config)
  return {
    case: 'customHealthCheck',
    value: { name: 'meltemi.codec', configType: { case: 'typedConfig', value: typedConfig } },
  }
}

function payloadInit(hex: string): Init<typeof HealthCheck_PayloadSchema> {
  return { payload: { case: 'text', value: hex } }
}
