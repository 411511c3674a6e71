import { createRegistry, type DescMessage } from '@bufbuild/protobuf'
import { file_aeraki_meta_protocol_codec_codecs } from '../gen/aeraki/meta_protocol/codec/codecs_pb.ts'
import { file_aeraki_meta_protocol_proxy_filters_global_ratelimit_v1alpha_ratelimit } from '../gen/aeraki/meta_protocol_proxy/filters/global_ratelimit/v1alpha/ratelimit_pb.ts'
import { file_aeraki_meta_protocol_proxy_filters_istio_stats_v1alpha_istio_stats } from '../gen/aeraki/meta_protocol_proxy/filters/istio_stats/v1alpha/istio_stats_pb.ts'
import { file_aeraki_meta_protocol_proxy_filters_local_ratelimit_v1alpha_local_ratelimit } from '../gen/aeraki/meta_protocol_proxy/filters/local_ratelimit/v1alpha/local_ratelimit_pb.ts'
import { file_aeraki_meta_protocol_proxy_filters_metadata_exchange_v1alpha_metadata_exchange } from '../gen/aeraki/meta_protocol_proxy/filters/metadata_exchange/v1alpha/metadata_exchange_pb.ts'
import { file_aeraki_meta_protocol_proxy_filters_router_v1alpha_router } from '../gen/aeraki/meta_protocol_proxy/filters/router/v1alpha/router_pb.ts'
import { file_aeraki_meta_protocol_proxy_v1alpha_meta_protocol_proxy } from '../gen/aeraki/meta_protocol_proxy/v1alpha/meta_protocol_proxy_pb.ts'
import { FilterConfigSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts'
import { file_envoy_config_trace_v3_opentelemetry } from '../gen/envoy/config/trace/v3/opentelemetry_pb.ts'
import { file_envoy_config_trace_v3_zipkin } from '../gen/envoy/config/trace/v3/zipkin_pb.ts'
import { file_envoy_extensions_access_loggers_file_v3_file } from '../gen/envoy/extensions/access_loggers/file/v3/file_pb.ts'
import { file_envoy_extensions_access_loggers_stream_v3_stream } from '../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts'
import { file_envoy_extensions_filters_http_rbac_v3_rbac } from '../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts'
import { file_envoy_extensions_filters_listener_proxy_protocol_v3_proxy_protocol } from '../gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts'
import { file_envoy_extensions_filters_network_ext_authz_v3_ext_authz } from '../gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts'
import { file_envoy_extensions_filters_network_rbac_v3_rbac } from '../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts'
import { file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts'
import { file_envoy_extensions_load_balancing_policies_least_request_v3_least_request } from '../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts'
import { file_envoy_extensions_load_balancing_policies_maglev_v3_maglev } from '../gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts'
import { file_envoy_extensions_load_balancing_policies_peak_ewma_v3alpha_peak_ewma } from '../gen/envoy/extensions/load_balancing_policies/peak_ewma/v3alpha/peak_ewma_pb.ts'
import { file_envoy_extensions_load_balancing_policies_random_v3_random } from '../gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts'
import { file_envoy_extensions_load_balancing_policies_ring_hash_v3_ring_hash } from '../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts'
import { file_envoy_extensions_load_balancing_policies_round_robin_v3_round_robin } from '../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts'
import { file_envoy_extensions_load_balancing_policies_subset_v3_subset } from '../gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts'
import { file_envoy_extensions_load_balancing_policies_wrr_locality_v3_wrr_locality } from '../gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts'
import { file_envoy_extensions_network_dns_resolver_cares_v3_cares_dns_resolver } from '../gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.ts'
import { file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts } from '../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts'
import { file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer } from '../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts'
import { file_envoy_extensions_transport_sockets_tls_v3_secret } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import { file_envoy_extensions_transport_sockets_tls_v3_tls } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import { file_envoy_extensions_upstreams_http_v3_http_protocol_options } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import { file_meltemi_filters_fault_v1_fault } from '../gen/meltemi/filters/fault/v1/fault_pb.ts'
import { file_meltemi_filters_metadata_v1_metadata_operations } from '../gen/meltemi/filters/metadata/v1/metadata_operations_pb.ts'
import { file_meltemi_v1_codec_health_check } from '../gen/meltemi/v1/codec_health_check_pb.ts'
import { file_meltemi_v1_codec_module } from '../gen/meltemi/v1/codec_module_pb.ts'
import { file_meltemi_v1_direct_response } from '../gen/meltemi/v1/direct_response_pb.ts'
import { file_meltemi_v1_ext_authz } from '../gen/meltemi/v1/ext_authz_pb.ts'
import { file_meltemi_v1_modules } from '../gen/meltemi/v1/modules_pb.ts'

/** Every type that an Any of ours may hold. */
export const typeRegistry = createRegistry(
  file_aeraki_meta_protocol_codec_codecs,
  file_aeraki_meta_protocol_proxy_filters_global_ratelimit_v1alpha_ratelimit,
  file_aeraki_meta_protocol_proxy_filters_istio_stats_v1alpha_istio_stats,
  file_aeraki_meta_protocol_proxy_filters_local_ratelimit_v1alpha_local_ratelimit,
  file_aeraki_meta_protocol_proxy_filters_metadata_exchange_v1alpha_metadata_exchange,
  file_aeraki_meta_protocol_proxy_filters_router_v1alpha_router,
  file_aeraki_meta_protocol_proxy_v1alpha_meta_protocol_proxy,
  FilterConfigSchema,
  file_envoy_config_trace_v3_opentelemetry,
  file_envoy_config_trace_v3_zipkin,
  file_envoy_extensions_access_loggers_file_v3_file,
  file_envoy_extensions_access_loggers_stream_v3_stream,
  file_envoy_extensions_filters_http_rbac_v3_rbac,
  file_envoy_extensions_filters_listener_proxy_protocol_v3_proxy_protocol,
  file_envoy_extensions_filters_network_ext_authz_v3_ext_authz,
  file_envoy_extensions_filters_network_rbac_v3_rbac,
  file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy,
  file_envoy_extensions_load_balancing_policies_least_request_v3_least_request,
  file_envoy_extensions_load_balancing_policies_maglev_v3_maglev,
  file_envoy_extensions_load_balancing_policies_peak_ewma_v3alpha_peak_ewma,
  file_envoy_extensions_load_balancing_policies_random_v3_random,
  file_envoy_extensions_load_balancing_policies_ring_hash_v3_ring_hash,
  file_envoy_extensions_load_balancing_policies_round_robin_v3_round_robin,
  file_envoy_extensions_load_balancing_policies_subset_v3_subset,
  file_envoy_extensions_load_balancing_policies_wrr_locality_v3_wrr_locality,
  file_envoy_extensions_network_dns_resolver_cares_v3_cares_dns_resolver,
  file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts,
  file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer,
  file_envoy_extensions_transport_sockets_tls_v3_secret,
  file_envoy_extensions_transport_sockets_tls_v3_tls,
  file_envoy_extensions_upstreams_http_v3_http_protocol_options,
  file_meltemi_v1_codec_health_check,
  file_meltemi_v1_codec_module,
  file_meltemi_v1_ext_authz,
  file_meltemi_filters_fault_v1_fault,
  file_meltemi_filters_metadata_v1_metadata_operations,
  file_meltemi_v1_direct_response,
  file_meltemi_v1_modules,
)

/** The message that an Any with this type name holds; undefined when we do not know it. */
export function findMessageType(typeName: string): DescMessage | undefined {
  return typeRegistry.getMessage(typeName)
}

/** `type.googleapis.com/a.b.C` → `a.b.C`; whatever stands before the slash does not matter. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1)
}
