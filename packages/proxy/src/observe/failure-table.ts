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
  encodeFailed: row(
    'request_encode_failed',
    T.Unspecified,
    'proxy',
    'no',
    'DPE',
    (text) => `meta protocol upstream request: cannot encode: ${text}`,
  ),
  filterFailed: row('filter_failed', T.Unspecified, 'proxy', 'no', 'DPE', (text) => `meta protocol filter: ${text}`),
  overloaded: row(
    'overload',
    T.OverLimit,
    'proxy',
    'no',
    'OM',
    (id) => `meta protocol overload: request '${id}' has been rejected`,
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
  readonly #row: Row
  readonly #subject: string

  constructor(of: Row, subject: string) {
    this.code = of.code
    this.type = of.type
    this.source = of.source
    this.retriable = of.retriable
    this.#row = of
    this.#subject = subject
  }

  get message(): string {
    return this.#row.text(this.#subject)
  }
}

/** `subject` is what the row's text names: a request id, a cluster, an address. */
export function failure(of: Row, subject: string): Failure {
  return new TableFailure(of, subject)
}

/** Ids are printed as unsigned 64-bit integers, as the reference does; wider ones as they are. */
export function printId(id: number | bigint): string {
  if (typeof id === 'number' && id >= 0) return String(id)
  const wide = BigInt(id)
  return String(wide < 0n ? BigInt.asUintN(64, wide) : wide)
}
