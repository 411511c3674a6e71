export type { AccessLogConfig, AccessLogFilter, LogFormat, LogSink } from './access-log.ts'
export type { NodeConfig, ProxyConfig } from './bootstrap.ts'
export { type ClusterEndpoints, type ConfigChange, type NamedRoutes, NO_CHANGE } from './change.ts'
export type {
  CircuitBreakerConfig,
  ClusterConfig,
  DnsFailureRefresh,
  DnsLookupFamily,
  LoadBalancerConfig,
  LocalityLbConfig,
  OutlierDetectionConfig,
  SlowStartConfig,
  SubsetConfig,
  SubsetSelector,
} from './cluster.ts'
export { type ApiConfigSource, type ConfigSource, type DynamicConfig, sourceKey } from './config-source.ts'
export type { EndpointConfig, LbMetadata, LbValue, Locality, SocketAddress } from './endpoint.ts'
export {
  type CodecConfig,
  type FilterConfig,
  type ListenerConfig,
  type MetaProtocolConfig,
  type RdsConfig,
  rdsKey,
  type TcpProxyConfig,
} from './listener.ts'
export {
  LOG_OPERATORS,
  type LogJson,
  type LogOperation,
  type LogOperator,
  type LogPiece,
  logKeys,
  parseLogFormat,
  parseLogJson,
} from './log-format.ts'
export type { MatchConfig, MetadataMatcher, StringMatch } from './match.ts'
export { formatProblem, type Problem } from './problem.ts'
export type { ObjectMeta, ResourceKey } from './resource.ts'
export type { MirrorPolicy, PropertyChange, RouteConfig, RouteTableConfig, WeightedCluster } from './route.ts'
export {
  type HistogramBucketsConfig,
  labelOfTag,
  type StatsConfig,
  type StatsMatcherConfig,
  type StatTagConfig,
} from './stats-config.ts'
export type { OtlpProvider, Propagation, TracingConfig, TracingProvider, ZipkinProvider } from './tracing.ts'
export { parseTrafficName, type TrafficName } from './traffic-name.ts'
