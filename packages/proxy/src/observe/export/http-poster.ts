import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { type ClientTlsOptions, connectionOptions, http } from '@meltemi/runtime'

export interface HttpPost {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly timeoutMs: number
  /** undefined: plain. */
  readonly tls?: ClientTlsOptions | undefined
}

const MAX_SOCKETS = 8
const MAX_REPLY_BYTES = 64 * 1024
const CLOSED_MEANWHILE: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE'])

/** Posts to servers over connections that stay. */
export class HttpPoster {
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: MAX_SOCKETS })
  #tlsAgent: TlsAgent | undefined

  /** Resolves with the status; rejects when there is no reply in time. */
  async post(post: HttpPost): Promise<number> {
    try {
      return await this.#try(post)
    } catch (error: unknown) {
      // a connection that nobody used for a while may be gone without our knowing it
      if (!(error instanceof StaleConnection)) throw error
      return this.#try(post)
    }
  }

  close(): void {
    this.#agent.destroy()
    this.#tlsAgent?.destroy()
  }

  #request({ host, port, path, headers, tls }: HttpPost, length: number): ClientRequest {
    const all = { ...headers, 'content-length': String(length) }
    const common = { host, port, path, method: 'POST', headers: all }
    if (tls === undefined) return http.request({ ...common, agent: this.#agent })
    this.#tlsAgent ??= new TlsAgent({ keepAlive: true, maxSockets: MAX_SOCKETS })
    return tlsRequest({ ...common, ...connectionOptions(tls), agent: this.#tlsAgent })
  }

  #try(post: HttpPost): Promise<number> {
    const { body, timeoutMs } = post
    return new Promise((resolve, reject) => {
      const call = this.#request(post, body.length)
      const timer = setTimeout(() => call.destroy(new Error(`no reply in ${timeoutMs} ms`)), timeoutMs)
      timer.unref()
      call.once('close', () => {
        clearTimeout(timer)
        reject(new Error('the connection was closed'))
      })
      call.on('error', (error) => reject(isStale(call, error) ? new StaleConnection() : error))
      call.once('response', (reply) => readReply(call, reply, resolve))
      call.end(body)
    })
  }
}

class StaleConnection extends Error {}

function isStale(call: ClientRequest, error: NodeJS.ErrnoException): boolean {
  return call.reusedSocket && CLOSED_MEANWHILE.has(error.code)
}

/** Only when its body has been read can the connection be used again. */
function readReply(call: ClientRequest, reply: IncomingMessage, resolve: (status: number) => void): void {
  let bytes = 0
  reply.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MAX_REPLY_BYTES) call.destroy()
  })
  reply.once('error', () => {})
  resolve(reply.statusCode ?? 0)
}
