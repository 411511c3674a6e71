/** How an exchange can fail, as a value: nothing here is ever thrown, except ProtocolError by a codec's decode. */

/** What a codec maps to its protocol's own error codes. 0-5 are the reference's; unknown ones count as Unspecified. */
export const ErrorType = {
  /** No route matches the request. */
  RouteNotFound: 0,
  /** The route names a cluster that is not there. */
  ClusterNotFound: 1,
  /** No endpoint of the cluster can be asked. */
  NoHealthyUpstream: 2,
  /** The service sent something that is not its protocol. */
  BadResponse: 3,
  /** Everything else: no connection, a filter that throws, a message that cannot be written. */
  Unspecified: 4,
  /** More than is allowed, by a limit or by the memory of the proxy. */
  OverLimit: 5,
  /** No reply in time. */
  Timeout: 6,
  /** The client may not do this. */
  Denied: 7,
  /** A fault that was put in on purpose. */
  Fault: 8,
} as const
/** One of the values of `ErrorType`. */
export type ErrorType = (typeof ErrorType)[keyof typeof ErrorType]

/** Why an exchange has no reply of a service. Filters make their own; `Codec.onError` writes it to the client. */
export interface Failure {
  /** Stable name: the access log's detail, and the row in docs/errors.md. */
  readonly code: string
  /** What kind it is, for protocols that have codes for errors. */
  readonly type: ErrorType
  /** Text for the client. */
  readonly message: string
  /** Who is at fault. */
  readonly source: 'downstream' | 'upstream' | 'proxy'
  /** Whether another try is safe; `if-reused`: only when the connection had served a request before. */
  readonly retriable: 'yes' | 'no' | 'if-reused'
}

/** Thrown by `decode` for bytes that are not this protocol: the connection closes. Recognised by its name. */
export class ProtocolError extends Error {
  /** The same for every copy of this class, since a codec may bring its own. */
  override readonly name = 'ProtocolError'
}
