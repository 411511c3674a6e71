import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { formatAddress } from '../../util/format-address.ts'
import type { Network, Socket, SocketHandler, TlsHandshake } from '../network.ts'
import type { ClientTls } from './client-tls.ts'
import type { SessionCache } from './session-cache.ts'

/** Which TLS belongs to an address; undefined: none. */
export type ChooseTls = (host: string, port: number) => ClientTls | undefined

/** A network whose outgoing connections talk TLS: they are made when their handshake is over. */
export function tlsNetwork(network: Network, choose: ChooseTls): Network {
  return {
    listen: (options, accept) => network.listen(options, accept),
    resolve: (host, family) => network.resolve(host, family),
    query: (host, question) => network.query(host, question),
    connect(host, port, handler) {
      const tls = choose(host, port)
      return tls === undefined ? network.connect(host, port, handler) : connectTls(network, host, port, handler, tls)
    },
  }
}

function connectTls(network: Network, host: string, port: number, handler: SocketHandler, tls: ClientTls): Socket {
  const handshake = new ClientHandshake(formatAddress(host, port), handler, tls)
  handshake.socket = network.connect(host, port, handshake)
  return handshake.socket
}

/** Sessions that a service may hand out before its handshake is over. */
const MAX_EARLY = 4

/** Stands before a connection until its handshake is over. */
class ClientHandshake implements SocketHandler, TlsHandshake {
  readonly side = 'client'
  options = {}
  socket: Socket | undefined
  readonly #address: string
  readonly #handler: SocketHandler
  readonly #tls: ClientTls
  #failure: Error | undefined
  #hasBegun = false
  #sessions: SessionCache | undefined
  #known: X509Certificate | undefined
  #certificate: X509Certificate | undefined
  #early: Buffer[] = []

  constructor(address: string, handler: SocketHandler, tls: ClientTls) {
    this.#address = address
    this.#handler = handler
    this.#tls = tls
  }

  onConnect(): void {
    const options = this.#tls.options(this.#address)
    const { socket } = this
    if (options === undefined) this.#fail('a secret is not here yet')
    else if (socket?.startTls === undefined) this.#fail('there is no TLS on this network')
    else {
      const { sessions } = this.#tls
      this.options = options
      this.#hasBegun = true
      this.#known = sessions.get(this.#address)?.certificate
      this.#sessions = sessions
      socket.startTls(this)
    }
  }

  onSecure(secured: TLSSocket): SocketHandler | undefined {
    const verdict = this.#tls.judge(secured, this.#known)
    if (typeof verdict === 'string') {
      this.#fail(verdict)
      return undefined
    }
    this.#certificate = verdict
    for (const session of this.#early) this.onSession(session)
    this.#early = []
    // the handler may write at once: what it hears from now on comes to itself
    queueMicrotask(() => this.#handler.onConnect())
    return this.#handler
  }

  /** Only who is known to be good is worth it; some come before that. */
  onSession(session: Buffer): void {
    const certificate = this.#certificate
    if (certificate !== undefined) this.#sessions?.add(this.#address, { session, certificate })
    else if (this.#early.length < MAX_EARLY) this.#early.push(session)
  }

  onData(): void {}

  onEnd(): void {
    this.socket?.destroy()
  }

  onDrain(): void {}

  onClose(error: Error | undefined): void {
    if (this.#failure === undefined && this.#hasBegun) {
      this.#tls.stats.connectionError.add(1)
      this.#tls.log(this.#address, error?.message ?? 'closed in the handshake')
      // a session that the service cannot read must not stand in the way again
      this.#tls.sessions.drop(this.#address)
    }
    this.#handler.onClose(this.#failure ?? error)
  }

  #fail(reason: string): void {
    if (this.#failure !== undefined) return
    this.#failure = new Error(`TLS: ${reason}`)
    this.#tls.log(this.#address, reason)
    this.socket?.destroy()
  }
}
