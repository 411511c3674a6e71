import { ErrorType, type Failure } from '@meltemi/sdk'

/** What a row needs besides its literal text. */
type Text = (subject: string) => string

interface Row {
  readonly code: string
  readonly type: ErrorType
  readonly source: Failure['source']
  readonly retriable: Failure['retriable']
  /** Envoy's response flag. */
  readonly flag: string
  readonly text: Text
}

const T = ErrorType

/** Every way an exchange can fail in the proxy. docs/errors.md has a line for each, and a test compares both. */
export const FAILURES = {
  noMatchedRoute: row(
    'no_matched_route',
    T.RouteNotFound,
    'proxy',
    'no',
    'NR',
    (id) => `meta protocol router: no matched route for request '${id}'`,
  ),
  unknownCluster: row(
    'unknown_cluster',
    T.ClusterNotFound,
    'proxy',
    'no',
    'NC',
    (name) => `meta protocol router: unknown cluster '${name}'`,
  ),
  noClusterKey: row(
    'cluster_key_missing',
    T.ClusterNotFound,
    'proxy',
    'no',
    'NC',
    (key) => `meta protocol router: the request has no '${key}', which names its cluster`,
  ),
  directResponse: row('direct_response', T.Unspecified, 'proxy', 'no', '', (text) => text),
  noHealthyUpstream: row(
    'no_healthy_upstream',
    T.NoHealthyUpstream,
    'upstream',
    'yes',
    'UH',
    (name) => `meta protocol router: no healthy upstream for '${name}'`,
  ),
  overflow: row(
    'upstream_overflow',
    T.Unspecified,
    'proxy',
    'no',
    'UO',
    () => 'meta protocol upstream request: too many connections',
  ),
  localFailure: row(
    'local_connection_failure',
    T.Unspecified,
    'proxy',
    'if-reused',
    'UF',
    (at) => `meta protocol upstream request: local connection failure '${at}'`,
  ),
  connectFailure: row(
    'remote_connection_failure',
    T.Unspecified,
    'upstream',
    'yes',
    'UF',
    (at) => `meta protocol upstream request: remote connection failure '${at}'`,
  ),
  upstreamClosed: row(
    'upstream_response_incomplete',
    T.Unspecified,
    'upstream',
    'if-reused',
    'UC',
    (at) => `meta protocol upstream request: remote connection failure '${at}'`,
  ),
  connectTimeout: row(
    'connect_timeout',
    T.Unspecified,
    'upstream',
    'yes',
    'UF',
    (at) => `meta protocol upstream request: connection failure '${at}' due to timeout`,
  ),
  badResponse: row('upstream_reset', T.BadResponse, 'upstream', 'no', 'UPE', (text) => text),
  requestTimeout: row(
    'request_timeout',
    T.Timeout,
    'upstream',
    'no',
    'UT',
    (name) => `meta protocol router: request timeout for cluster '${name}'`,
  ),
  perTryTimeout: row(
    'upstream_per_try_timeout',
    T.Timeout,
    'upstream',
    'no',
    'UT',
    (name) => `meta protocol router: request timeout for cluster '${name}'`,
  ),
  encodeFailed: row(
    'request_encode_failed',
    T.Unspecified,
    'proxy',
    'no',
    'DPE',
    (text) => `meta protocol upstream request: cannot encode: ${text}`,
  ),
  filterFailed: row('filter_failed', T.Unspecified, 'proxy', 'no', 'DPE', (text) => `meta protocol filter: ${text}`),
  faultAborted: row(
    'fault_filter_abort',
    T.Fault,
    'proxy',
    'no',
    'FI',
    (id) => `meta protocol fault: request '${id}' is aborted`,
  ),
  overloaded: row(
    'overload',
    T.OverLimit,
    'proxy',
    'no',
    'OM',
    (id) => `meta protocol overload: request '${id}' has been rejected`,
  ),
  localRateLimited: row(
    'local_rate_limited',
    T.OverLimit,
    'proxy',
    'no',
    'RL',
    (id) => `meta protocol local rate limit: request '${id}' has been rate limited`,
  ),
  rateLimited: row(
    'request_rate_limited',
    T.OverLimit,
    'proxy',
    'no',
    'RL',
    (id) => `meta protocol global ratelimit: request '${id}' has been rate limited`,
  ),
  // of these three the text is the reference's too, which says no more than that
  rateLimitError: row(
    'rate_limiter_error',
    T.OverLimit,
    'proxy',
    'no',
    'RLSE',
    (id) => `meta protocol global ratelimit: request '${id}' has been rate limited`,
  ),
  rateLimitNoCluster: row(
    'rate_limit_cluster_not_found',
    T.ClusterNotFound,
    'proxy',
    'no',
    'RLSE',
    (id) => `meta protocol global ratelimit: rate limit server cluster not found '${id}'`,
  ),
  rateLimitNoHost: row(
    'rate_limit_host_not_found',
    T.ClusterNotFound,
    'proxy',
    'no',
    'RLSE',
    (id) => `meta protocol global ratelimit: rate limit server host not found for request '${id}'`,
  ),
  denied: row(
    'rbac_access_denied',
    T.Denied,
    'proxy',
    'no',
    'UAEX',
    (id) => `meta protocol authorization: request '${id}' is denied`,
  ),
  authzDenied: row(
    'ext_authz_denied',
    T.Denied,
    'proxy',
    'no',
    'UAEX',
    (id) => `meta protocol authorization: request '${id}' is denied`,
  ),
  authzError: row(
    'ext_authz_error',
    T.Denied,
    'proxy',
    'no',
    'UAEX',
    (id) => `meta protocol authorization: request '${id}' is denied`,
  ),
  // below, the connection of the client is closed: logs and traces are told, and nobody else
  clientClosed: row(
    'downstream_local_disconnect',
    T.Unspecified,
    'proxy',
    'no',
    'DC',
    (reason) => `meta protocol: the connection of the client was closed: ${reason}`,
  ),
  badRequest: row(
    'downstream_protocol_error',
    T.Unspecified,
    'downstream',
    'no',
    'DPE',
    (text) => `meta protocol request: cannot decode: ${text}`,
  ),
  overloadClosed: row(
    'overload_disconnect',
    T.Unspecified,
    'proxy',
    'no',
    'OM',
    () => 'meta protocol overload: the connection of the client was closed',
  ),
} as const

function row(
  code: string,
  type: ErrorType,
  source: Failure['source'],
  retriable: Failure['retriable'],
  flag: string,
  text: Text,
): Row {
  return { code, type, source, retriable, flag, text }
}

/** A failure of one exchange; its text is built when somebody reads it. */
class TableFailure implements Failure {
  readonly code: string
  readonly type: ErrorType
  readonly source: Failure['source']
  readonly retriable: Failure['retriable']
  readonly detail: string
  readonly #row: Row
  readonly #subject: string

  constructor(of: Row, subject: string, type: ErrorType, detail: string) {
    this.code = of.code
    this.type = type
    this.source = of.source
    this.retriable = of.retriable
    this.detail = detail
    this.#row = of
    this.#subject = subject
  }

  get message(): string {
    return this.#row.text(this.#subject)
  }
}

/**
 * `subject` is what the row's text names: a request id, a cluster, an address. `type`: where configuration says which.
 * `detail` is what logs say instead of the code.
 */
export function failure(of: Row, subject: string, type: ErrorType = of.type, detail: string = of.code): Failure {
  return new TableFailure(of, subject, type, detail)
}

/** What logs say of a failure; filters of modules have the code only. */
export function detailOf(cause: Failure): string {
  return cause instanceof TableFailure ? cause.detail : cause.code
}

/** Ids are printed as unsigned 64-bit integers, as the reference does; wider ones as they are. */
export function printId(id: number | bigint): string {
  if (typeof id === 'number' && id >= 0) return String(id)
  const wide = BigInt(id)
  return String(wide < 0n ? BigInt.asUintN(64, wide) : wide)
}
