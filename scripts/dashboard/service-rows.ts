/** Rate, errors and latency, and what stands in their way. */

import type { PanelPlan, RowPlan } from './grafana.ts'
import { one, QUANTILES, quantileName, quantileOf, rateBy, sumBy } from './queries.ts'

const CHOSEN = 'service=~"$service",version=~"$version",method=~"$method"'
const RATE = `rate(meltemi_requests_total{${CHOSEN}}[$__rate_interval])`
const FAILED = `rate(meltemi_requests_total{${CHOSEN},response=~"error|local"}[$__rate_interval])`
const LOCAL = `rate(meltemi_requests_total{${CHOSEN},response="local"}[$__rate_interval])`
const DURATION = `rate(meltemi_request_duration_milliseconds_bucket{${CHOSEN}}[$__rate_interval])`

const TOTALS: readonly PanelPlan[] = [
  {
    title: 'Requests',
    about: 'Requests a second that had their end.',
    unit: 'reqps',
    queries: one(`sum(${RATE})`),
    isNumber: true,
  },
  {
    title: 'Failed',
    about: 'Share of the requests that failed: the service said so, or the proxy had to answer itself.',
    unit: 'percentunit',
    queries: one(`sum(${FAILED}) / sum(${RATE})`),
    isNumber: true,
    bad: [0.01, 0.05],
  },
  {
    title: 'Answered by the proxy',
    about:
      'Share of the requests without a reply of the service: it could not be reached, was too slow, or had too many.',
    unit: 'percentunit',
    queries: one(`sum(${LOCAL}) / sum(${RATE})`),
    isNumber: true,
    bad: [0.001, 0.01],
  },
  ...QUANTILES.map(
    (quantile): PanelPlan => ({
      title: `Latency ${quantileName(quantile)}`,
      about: aboutQuantile(quantile),
      unit: 'ms',
      queries: one(quantileOf(quantile, 'le', DURATION)),
      isNumber: true,
      bad: [250, 1000],
    }),
  ),
]

const OUTCOMES: readonly PanelPlan[] = [
  {
    title: 'Responses',
    about:
      'success: a reply. error: a reply that says failure. local: the proxy answered. none: one-way, a stream was opened, or the client left.',
    unit: 'reqps',
    queries: [{ expr: `sum by (response) (${RATE})`, legend: '{{response}}' }],
    width: 12,
    isStacked: true,
  },
  {
    title: 'Requests to clusters',
    about: 'Requests a second that an endpoint was chosen for; copies for mirrors are among them.',
    unit: 'reqps',
    queries: [rateBy('envoy_cluster_name', 'cluster_upstream_rq_total')],
    width: 12,
  },
]

const LIMITS: readonly PanelPlan[] = [
  {
    title: 'Refused by limits',
    about: 'Requests a second that a cluster had no room for: too many under way, or too many waiting.',
    unit: 'reqps',
    queries: [
      rateBy('envoy_cluster_name', 'cluster_upstream_rq_overflow', ' max_requests'),
      rateBy('envoy_cluster_name', 'cluster_upstream_rq_pending_overflow', ' max_pending_requests'),
    ],
  },
  {
    title: 'Waiting for a connection',
    about: 'Requests that wait now for a connection to a service.',
    unit: 'short',
    queries: [sumBy('envoy_cluster_name', 'cluster_upstream_rq_pending_active')],
  },
  {
    title: 'Without an endpoint',
    about: 'Requests a second for which there was no endpoint.',
    unit: 'reqps',
    queries: [rateBy('envoy_cluster_name', 'cluster_upstream_cx_none_healthy')],
  },
  {
    title: 'Connections refused',
    about: 'Connections a second that a listener refused: it has as many as it may have, or memory runs out.',
    unit: 'cps',
    queries: [
      rateBy('envoy_listener_address', 'listener_downstream_cx_overflow', ' limit'),
      rateBy('envoy_listener_address', 'listener_downstream_cx_overload_reject', ' memory'),
    ],
  },
  {
    title: 'Connections that failed',
    about: 'Connections a second to services that could not be made, or not in time.',
    unit: 'cps',
    queries: [
      rateBy('envoy_cluster_name', 'cluster_upstream_cx_connect_fail'),
      rateBy('envoy_cluster_name', 'cluster_upstream_cx_connect_timeout', ' timeout'),
    ],
  },
  {
    title: 'Endpoints',
    about: 'Healthy endpoints, and all of them.',
    unit: 'short',
    queries: [
      {
        expr: 'max by (envoy_cluster_name) (envoy_cluster_membership_healthy)',
        legend: '{{envoy_cluster_name}} healthy',
      },
      { expr: 'max by (envoy_cluster_name) (envoy_cluster_membership_total)', legend: '{{envoy_cluster_name}}' },
    ],
  },
]

export const SERVICE_ROWS: readonly RowPlan[] = [
  { title: 'Services', panels: [...TOTALS, ...requestsBy('service')] },
  { title: 'Versions', panels: requestsBy('service', 'version') },
  { title: 'Methods', panels: requestsBy('service', 'method') },
  { title: 'What clients got', panels: OUTCOMES },
  { title: 'Limits', panels: LIMITS },
]

function requestsBy(...labels: readonly string[]): readonly PanelPlan[] {
  const by = labels.join(', ')
  const legend = labels.map((label) => `{{${label}}}`).join(' ')
  const what = labels.at(-1)
  return [
    {
      title: `Requests by ${what}`,
      about: 'Requests a second.',
      unit: 'reqps',
      queries: [{ expr: `sum by (${by}) (${RATE})`, legend }],
      width: 6,
    },
    {
      title: `Failed by ${what}`,
      about: 'Share of the requests that failed, whoever is to blame.',
      unit: 'percentunit',
      queries: [{ expr: `sum by (${by}) (${FAILED}) / sum by (${by}) (${RATE})`, legend }],
      width: 6,
    },
    ...QUANTILES.map((quantile) => ({
      title: `Latency ${quantileName(quantile)} by ${what}`,
      about: aboutQuantile(quantile),
      unit: 'ms',
      queries: [{ expr: quantileOf(quantile, `${by}, le`, DURATION), legend }],
      width: 4,
    })),
  ]
}

function aboutQuantile(quantile: number): string {
  return `${quantile * 100} % of the requests take no longer, from their arrival at the proxy to their end.`
}
