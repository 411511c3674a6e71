export interface ApiRequest {
  /** Upper case; HEAD comes as GET. */
  readonly method: string
  /** Decoded segments of the path, without empty ones: `['apis', 'networking.istio.io', 'v1', …]`. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
  /** Types that the client takes, as it says. */
  readonly accept: string
  /** Empty for reads. */
  readonly body: string
}

export type ApiReply = BodyReply | StreamReply

export interface BodyReply {
  readonly kind: 'body'
  readonly status: number
  readonly contentType: string
  readonly body: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

export interface StreamReply {
  readonly kind: 'stream'
  readonly contentType: string
  /** Written at the pace of the client. `signal`: the client has gone, or the server ends; what waits must stop then. */
  chunks(signal: AbortSignal): AsyncIterable<string>
}

/** Undefined: the path belongs to somebody else. Refusals are thrown, as StatusError. */
export type ApiHandler = (request: ApiRequest) => ApiReply | undefined | Promise<ApiReply | undefined>

export const JSON_CONTENT_TYPE = 'application/json'

export function jsonReply(value: unknown, status = 200): BodyReply {
  return { kind: 'body', status, contentType: JSON_CONTENT_TYPE, body: `${JSON.stringify(value)}\n` }
}
