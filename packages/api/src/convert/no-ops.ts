import type { NoOp } from '../schema/refuse-unread.ts'

/** Fields that are accepted without effect, each with its reason; docs/no-ops.md is this list. */
export const noOps: readonly NoOp[] = [
  {
    message: 'envoy.config.accesslog.v3.AccessLog',
    field: 'name',
    why: 'A label: access loggers are found by their type URL.',
  },
  {
    message: 'envoy.config.bootstrap.v3.Admin',
    field: 'profile_path',
    why: 'Nothing is written to the disk: `/cpuprofiler` and `/heapprofiler` answer with the profile.',
  },
  { message: 'envoy.config.bootstrap.v3.RuntimeLayer', field: 'name', why: 'A label: layers count by their order.' },
  {
    message: 'envoy.config.core.v3.TypedExtensionConfig',
    field: 'name',
    why: 'A label: extensions are found by their type URL.',
  },
  {
    message: 'envoy.config.listener.v3.Filter',
    field: 'name',
    why: 'A label: network filters are found by their type URL.',
  },
  {
    message: 'envoy.config.listener.v3.ListenerFilter',
    field: 'name',
    why: 'A label: listener filters are found by their type URL.',
  },
  { message: 'envoy.config.listener.v3.FilterChain', field: 'name', why: 'A label: a listener has one filter chain.' },
  {
    message: 'envoy.config.listener.v3.FilterChain',
    field: 'metadata',
    why: 'Opaque notes of whoever wrote the configuration.',
  },
  {
    message: 'envoy.config.listener.v3.Listener',
    field: 'metadata',
    why: 'Opaque notes of whoever wrote the configuration.',
  },
  {
    message: 'envoy.config.cluster.v3.Cluster',
    field: 'metadata',
    why: 'Opaque notes of whoever wrote the configuration.',
  },
  {
    message: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
    field: 'cluster_name',
    why: 'Inside a cluster: that one is meant, whatever it says. Over EDS it is the name that counts.',
  },
  {
    message: 'envoy.config.core.v3.ApiConfigSource',
    field: 'set_node_on_first_message_only',
    why: 'The first request on a stream has the node, the others do not: no server needs it twice.',
  },
  {
    message: 'envoy.config.route.v3.VirtualHost',
    field: 'name',
    why: 'A label: a carrier of routes has one virtual host.',
  },
  {
    message: 'envoy.config.route.v3.Route',
    field: 'metadata',
    why: 'Opaque notes of whoever wrote the configuration.',
  },
  {
    message: 'envoy.config.core.v3.HeaderValueOption',
    field: 'keep_empty_value',
    why: 'A property may be empty, and is set whatever its value is.',
  },
  {
    message: 'envoy.config.route.v3.WeightedCluster',
    field: 'total_weight',
    why: 'The total is the sum of the weights, as in Envoy today.',
  },
  {
    message: 'envoy.config.cluster.v3.Cluster',
    field: 'round_robin_lb_config',
    why: 'An empty one; its only field, `slow_start_config`, is refused.',
  },
  {
    message: 'aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    field: 'application_protocol',
    why: 'Where `protocol.name` is set too, which overrides it.',
  },
  {
    message: 'aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    field: 'codec',
    why: 'Where `protocol.codec` is set too, which overrides it.',
  },
  { message: 'envoy.type.matcher.v3.RegexMatcher', field: 'google_re2', why: 'RE2 is the only syntax there is.' },
]
