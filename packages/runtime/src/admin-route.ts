export interface AdminRequest {
  readonly query: URLSearchParams
  /** It comes from this machine. */
  readonly isLocal: boolean
}

export interface AdminReply {
  /** Default 200. */
  readonly status?: number
  /** Default plain text. */
  readonly contentType?: string
  readonly body: string
  /** Called when the reply has left, or its connection has gone. */
  readonly afterwards?: () => void
}

export interface AdminRoute {
  /** POST for everything that changes something; HEAD is answered where GET is. */
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** One line for the list of endpoints. */
  readonly description: string
  /** What it throws becomes a reply with status 500. */
  handle(request: AdminRequest): AdminReply | Promise<AdminReply>
}

export function jsonReply(value: unknown): AdminReply {
  return { contentType: 'application/json', body: `${JSON.stringify(value, undefined, 1)}\n` }
}

export function badRequest(reason: string): AdminReply {
  return { status: 400, body: `${reason}\n` }
}
