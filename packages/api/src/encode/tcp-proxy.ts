import { create } from '@bufbuild/protobuf'
import { type Any, anyPack, durationFromMs } from '@bufbuild/protobuf/wkt'
import { TcpProxySchema } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts'
import type { TcpProxyConfig } from '../model/index.ts'
import { clusterChoiceInit } from './cluster-choice.ts'

const HOUR_MS = 3_600_000

/** Envoy's TcpProxy. */
export function tcpProxyAny(proxy: TcpProxyConfig): Any {
  const message = create(TcpProxySchema, {
    statPrefix: proxy.statPrefix,
    ...clusterChoiceInit(proxy.clusters),
    ...(proxy.idleTimeoutMs === HOUR_MS ? {} : { idleTimeout: durationFromMs(proxy.idleTimeoutMs) }),
    ...(proxy.maxConnectAttempts === 1 ? {} : { maxConnectAttempts: proxy.maxConnectAttempts }),
  })
  return anyPack(TcpProxySchema, message)
}
