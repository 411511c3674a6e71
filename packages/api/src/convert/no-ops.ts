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
    message: 'envoy.config.core.v3.TransportSocket',
    field: 'name',
    why: 'A label: transport sockets are found by their type URL.',
  },
  {
    message: 'envoy.config.core.v3.DataSource',
    field: 'watched_directory',
    why: 'The files of secrets are looked at every second, whichever folder they change with.',
  },
  {
    message: 'envoy.config.core.v3.PathConfigSource',
    field: 'watched_directory',
    why: 'The files of secrets are looked at every second, whichever folder they change with.',
  },
  {
    message: 'envoy.extensions.transport_sockets.tls.v3.TlsCertificate',
    field: 'watched_directory',
    why: 'The files of secrets are looked at every second, whichever folder they change with.',
  },
  {
    message: 'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext',
    field: 'watched_directory',
    why: 'The files of secrets are looked at every second, whichever folder they change with.',
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
  {
    message: 'envoy.config.listener.v3.Listener',
    field: 'listener_filters_timeout',
    why: 'Without listener filters: there is nothing to wait for.',
  },
  {
    message: 'envoy.config.listener.v3.Listener',
    field: 'continue_on_listener_filters_timeout',
    why: 'Without listener filters: there is nothing to wait for.',
  },
  {
    message: 'envoy.config.listener.v3.Listener',
    field: 'max_connections_to_accept_per_socket_event',
    why: 'How many connections are accepted at a time is up to Node; all of them are.',
  },
  {
    message: 'envoy.config.listener.v3.FilterChain',
    field: 'transport_socket_connect_timeout',
    why: 'Without TLS: there is no handshake to wait for.',
  },
  {
    message: 'envoy.config.cluster.v3.Cluster',
    field: 'filters',
    why: "Istio's `MetadataExchange` alone: its `istio-peer-exchange` is never agreed on, messages carry what it would tell.",
  },
  {
    message: 'envoy.config.cluster.v3.Filter',
    field: 'name',
    why: 'A label: filters of clusters are found by their type URL.',
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
    message: 'envoy.config.core.v3.HealthCheck.CustomHealthCheck',
    field: 'name',
    why: 'A label: health checks are found by their type URL.',
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
    message: 'envoy.config.route.v3.RetryPolicy',
    field: 'retry_host_predicate',
    why: '`PreviousHostsPredicate` alone: hosts that were tried are avoided whether it is said or not.',
  },
  {
    message: 'envoy.config.route.v3.RetryPolicy.RetryHostPredicate',
    field: 'name',
    why: 'A label: predicates are found by their type URL.',
  },
  {
    message: 'envoy.config.route.v3.RetryPolicy',
    field: 'host_selection_retry_max_attempts',
    why: 'A host that was not tried is found at once where there is one.',
  },
  {
    message: 'envoy.config.route.v3.WeightedCluster',
    field: 'total_weight',
    why: 'The total is the sum of the weights, as in Envoy today.',
  },
  {
    message: 'envoy.config.cluster.v3.Cluster',
    field: 'lb_policy',
    why: 'Where `load_balancing_policy` is set too, which overrides it.',
  },
  {
    message: 'envoy.config.core.v3.RuntimeDouble',
    field: 'runtime_key',
    why: 'No layer of the runtime may hold it: its default is the value.',
  },
  {
    message: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
    field: 'policy',
    why: 'One that says nothing but the `overprovisioning_factor` that is the default, 140.',
  },
  {
    message: 'envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma',
    field: 'aggregation_interval',
    why: 'Each worker has its own estimate, in which every reply counts at once.',
  },
  {
    message: 'envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma',
    field: 'max_samples_per_host',
    why: 'Each worker has its own estimate, in which every reply counts at once.',
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
  {
    message: 'envoy.config.trace.v3.Tracing.Http',
    field: 'name',
    why: 'A label: tracers are found by their type URL.',
  },
  {
    message: 'envoy.config.accesslog.v3.RuntimeFilter',
    field: 'runtime_key',
    why: 'Runtime layers set limits of connections only; the share that is written counts.',
  },
  {
    message: 'envoy.config.core.v3.RuntimeUInt32',
    field: 'runtime_key',
    why: 'Runtime layers set limits of connections only; the value that is written counts.',
  },
  { message: 'envoy.type.matcher.v3.RegexMatcher', field: 'google_re2', why: 'RE2 is the only syntax there is.' },
  {
    message: 'envoy.extensions.filters.network.rbac.v3.RBAC',
    field: 'enforcement_type',
    why: 'Each request is looked at, as CONTINUOUS says; first bytes of a connection are no request.',
  },
]
