import type { TcpProxyConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertClusterChoice } from './weighted-clusters.ts'

const HOUR_MS = 3_600_000

/** Reads Envoy's TcpProxy. */
export function convertTcpProxy(proxy: ConfigMessage, context: ConvertContext): TcpProxyConfig {
  return {
    kind: 'tcp-proxy',
    statPrefix: proxy.text('stat_prefix'),
    clusters: convertClusterChoice(proxy, context),
    idleTimeoutMs: proxy.durationMs('idle_timeout') ?? HOUR_MS,
    maxConnectAttempts: proxy.number('max_connect_attempts') ?? 1,
  }
}
