export type { AccessLogConfig, AccessLogFilter, LogFormat, LogSink } from './access-log.ts'
export type { AuthorizationConfig, RbacCondition, RbacPolicy, RbacRules } from './authorization.ts'
export type { NodeConfig, ProxyConfig } from './bootstrap.ts'
export { type ClusterEndpoints, type ConfigChange, type NamedRoutes, NO_CHANGE } from './change.ts'
export type {
  CircuitBreakerConfig,
  ClusterConfig,
  DnsFailureRefresh,
  DnsLookupFamily,
  LoadBalancerConfig,
  LocalityLbConfig,
  SlowStartConfig,
  SubsetConfig,
  SubsetSelector,
} from './cluster.ts'
export { type ApiConfigSource, type ConfigSource, type DynamicConfig, sourceKey } from './config-source.ts'
export type { EndpointConfig, LbMetadata, LbValue, Locality, SocketAddress } from './endpoint.ts'
export { ERROR_TYPES, type ErrorTypeName } from './error-type.ts'
export type { ExtAuthzConfig } from './ext-authz.ts'
export type {
  DescriptorConfig,
  DescriptorEntryConfig,
  GlobalRateLimitConfig,
  RateLimitUnitNumber,
} from './global-rate-limit.ts'
export { clustersOfFilter, type GrpcServiceConfig } from './grpc-service.ts'
export type { EndpointCheckConfig, HealthCheckConfig, HealthCheckKind } from './health-check.ts'
export {
  type CodecConfig,
  type FilterConfig,
  type ListenerConfig,
  type MetaProtocolConfig,
  type RdsConfig,
  rdsKey,
  type TcpProxyConfig,
} from './listener.ts'
export type { LocalRateLimitConfig, TokenBucketConfig } from './local-rate-limit.ts'
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
export { asksForIdentity, knowsClients, needsIdentity } from './needs-identity.ts'
export { DEFAULT_OUTLIER_DETECTION, type EjectionCause, type OutlierDetectionConfig } from './outlier-detection.ts'
export type {
  FaultConfig,
  Fraction,
  MetadataOperation,
  MetadataOperationsConfig,
  MetadataValue,
} from './own-filters.ts'
export { formatProblem, type Problem } from './problem.ts'
export type { ObjectMeta, ResourceKey } from './resource.ts'
export {
  type HedgePolicyConfig,
  RETRY_CONDITIONS,
  type RetryBudgetConfig,
  type RetryCondition,
  type RetryPolicyConfig,
} from './retry.ts'
export type {
  DirectResponse,
  FilterOverride,
  MirrorPolicy,
  PropertyChange,
  RouteConfig,
  RouteTableConfig,
  WeightedCluster,
} from './route.ts'
export {
  type HistogramBucketsConfig,
  labelOfTag,
  type StatsConfig,
  type StatsMatcherConfig,
  type StatTagConfig,
} from './stats-config.ts'
export {
  type CommonTlsConfig,
  type DataSource,
  type DownstreamTlsConfig,
  type SanMatcherConfig,
  type SecretConfig,
  type SecretRef,
  type SecretSource,
  secretRefs,
  secretSourceKey,
  type TlsCertificateConfig,
  type TlsValidationConfig,
  type TlsVersion,
  type TransportMatch,
  type UpstreamTlsConfig,
} from './tls.ts'
export type { OtlpProvider, Propagation, TracingConfig, TracingProvider, ZipkinProvider } from './tracing.ts'
export { parseTrafficName, type TrafficName } from './traffic-name.ts'
