/** How an exchange can fail, as a value: nothing here is ever thrown, except ProtocolError by a codec's decode. */

/** What a codec maps to its protocol's own error codes. 0-5 are the reference's; unknown ones count as Unspecified. */
export const ErrorType = {
  RouteNotFound: 0,
  ClusterNotFound: 1,
  NoHealthyUpstream: 2,
  BadResponse: 3,
  Unspecified: 4,
  OverLimit: 5,
  Timeout: 6,
  Denied: 7,
  Fault: 8,
} as const
export type ErrorType = (typeof ErrorType)[keyof typeof ErrorType]

export interface Failure {
  /** Stable name: the access log's detail, and the row in docs/errors.md. */
  readonly code: string
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
  override readonly name = 'ProtocolError'
}
