/** The processes themselves: proxies and control planes. */

import type { PanelPlan, RowPlan } from './grafana.ts'
import { one, quantileName, quantileOf, sumBy } from './queries.ts'

const PROXIES: readonly PanelPlan[] = [
  {
    title: 'Proxies',
    about: 'Those that answer.',
    unit: 'short',
    queries: one('sum(up{job="meltemi-proxy"})'),
    isNumber: true,
  },
  {
    title: 'Workers',
    about: 'Threads for traffic that are alive, over all proxies.',
    unit: 'short',
    queries: one('sum(envoy_server_workers)'),
    isNumber: true,
  },
  {
    title: 'Workers replaced',
    about: 'Threads that died or did not answer, in the last hour.',
    unit: 'short',
    queries: one('sum(increase(envoy_server_worker_restarted[1h]))'),
    isNumber: true,
    bad: [1, 3],
  },
  {
    title: 'Overload',
    about: 'The highest level of all proxies: 1 refuses connections, 2 requests, 3 closes connections.',
    unit: 'short',
    queries: one('max(envoy_overload_level)'),
    isNumber: true,
    bad: [1, 2],
  },
  {
    title: 'Exceptions of codecs',
    about: 'A second, over all proxies; the log has each with its stack.',
    unit: 'short',
    queries: one('sum(rate(envoy_server_codec_exception[$__rate_interval]))'),
    isNumber: true,
    bad: [0.001, 1],
  },
  {
    title: 'Stats refused',
    about: 'Stat names that are not kept, because there were too many.',
    unit: 'short',
    queries: one('sum(envoy_metrics_overflow)'),
    isNumber: true,
    bad: [1, 1000],
  },
  {
    title: 'Memory',
    about: 'Used by each process, and its limit.',
    unit: 'bytes',
    queries: [
      { expr: 'envoy_overload_memory_used_bytes', legend: '{{instance}}' },
      { expr: 'envoy_overload_memory_limit_bytes', legend: '{{instance}} limit' },
    ],
  },
  {
    title: 'Connections of clients',
    about: 'Open connections.',
    unit: 'short',
    queries: [sumBy('instance', 'listener_downstream_cx_active')],
  },
  {
    title: 'Connections to services',
    about: 'Open connections, and those being made.',
    unit: 'short',
    queries: [sumBy('instance', 'cluster_upstream_cx_active')],
  },
]

const UPDATED: readonly PanelPlan[] = [
  {
    title: 'Connected',
    about:
      'Proxies whose streams to a control plane have had an answer; those with a bootstrap file alone do not count.',
    unit: 'short',
    queries: one('sum(envoy_control_plane_connected_state)'),
    isNumber: true,
    width: 6,
  },
  {
    title: 'Versions in force',
    about: 'How many versions of the clusters there are among all proxies; one more for each scope of services.',
    unit: 'short',
    queries: one('count(count_values("version", envoy_cluster_manager_cds_version))'),
    isNumber: true,
    width: 6,
  },
  {
    title: 'Updates refused',
    about: 'Updates that proxies refused in the last hour; what was in force stayed.',
    unit: 'short',
    queries: one(
      'sum(increase(envoy_listener_manager_lds_update_rejected[1h])) + sum(increase(envoy_cluster_manager_cds_update_rejected[1h]))',
    ),
    isNumber: true,
    width: 6,
    bad: [1, 10],
  },
  {
    title: 'Streams lost',
    about: 'How often a stream to a control plane was lost, or could not be opened, in the last hour.',
    unit: 'short',
    queries: one('sum(increase(envoy_cluster_manager_cds_update_failure[1h]))'),
    isNumber: true,
    width: 6,
    bad: [1, 10],
  },
  {
    title: 'Version of the configuration',
    about: 'Hash of the version of the clusters that each proxy has; equal ones have equal scopes and are up to date.',
    unit: 'none',
    queries: [{ expr: 'envoy_cluster_manager_cds_version', legend: '{{instance}}' }],
    width: 12,
  },
  {
    title: 'Age of the configuration',
    about: 'How long ago a proxy has accepted its last update of listeners or clusters.',
    unit: 's',
    queries: [
      { expr: 'time() - envoy_listener_manager_lds_update_time / 1000', legend: '{{instance}} listeners' },
      { expr: 'time() - envoy_cluster_manager_cds_update_time / 1000', legend: '{{instance}} clusters' },
    ],
    width: 12,
  },
]

const PUSH_TIME = 'rate(envoy_control_plane_xds_push_time_ms_bucket[$__rate_interval])'

const CONTROL_PLANES: readonly PanelPlan[] = [
  {
    title: 'Control planes',
    about: 'Those that answer.',
    unit: 'short',
    queries: one('sum(up{job="meltemi-control-plane"})'),
    isNumber: true,
    width: 6,
  },
  {
    title: 'Proxies connected',
    about: 'Streams of proxies that are open.',
    unit: 'short',
    queries: one('sum(envoy_control_plane_xds_streams)'),
    isNumber: true,
    width: 6,
  },
  {
    title: 'Rejected',
    about: 'Responses that proxies rejected in the last hour: `meltemi proxy-status` says why.',
    unit: 'short',
    queries: one('sum(increase(envoy_control_plane_xds_nacks[1h]))'),
    isNumber: true,
    width: 6,
    bad: [1, 10],
  },
  {
    title: 'Faults',
    about: 'Services that could not be translated, and snapshots that could not be made, in the last hour.',
    unit: 'short',
    queries: one(
      'sum(increase(envoy_control_plane_translation_failures[1h])) + sum(increase(envoy_control_plane_xds_snapshot_errors[1h]))',
    ),
    isNumber: true,
    width: 6,
    bad: [1, 10],
  },
  {
    title: 'Pushes',
    about: 'Responses a second to proxies, and what became of them.',
    unit: 'short',
    queries: [
      { expr: 'sum(rate(envoy_control_plane_xds_pushes[$__rate_interval]))', legend: 'sent' },
      { expr: 'sum(rate(envoy_control_plane_xds_acks[$__rate_interval]))', legend: 'accepted' },
      { expr: 'sum(rate(envoy_control_plane_xds_nacks[$__rate_interval]))', legend: 'rejected' },
    ],
    width: 12,
  },
  {
    title: 'Time of a push',
    about: 'From a change to the answer of the proxy.',
    unit: 'ms',
    queries: [0.5, 0.99].map((quantile) => ({
      expr: quantileOf(quantile, 'le', PUSH_TIME),
      legend: quantileName(quantile),
    })),
    width: 12,
  },
]

export const PROCESS_ROWS: readonly RowPlan[] = [
  { title: 'Proxies', panels: PROXIES },
  { title: 'Configuration of the proxies', panels: UPDATED },
  { title: 'Control plane', panels: CONTROL_PLANES },
]
