import type { TLSSocket, TLSSocketOptions } from 'node:tls'

/**
 * The seam to the runtime's sockets. Everything above it talks to these interfaces, so the simulation can put
 * virtual sockets under the very same proxy, and another runtime's sockets may come later.
 */

/** Told by a socket; methods are called from the event loop, never from inside a call into the socket. */
export interface SocketHandler {
  /** The outgoing connection is made. Not called for accepted ones. */
  onConnect(): void
  /** Bytes; whoever gets them owns them. */
  onData(chunk: Buffer): void
  /** The other side has finished writing; it may still read. */
  onEnd(): void
  /** After a `write` that returned false: all of it has left. */
  onDrain(): void
  /** The end, exactly once, also after `destroy`. `error`: why, when it was not an orderly close. */
  onClose(error: Error | undefined): void
}

export interface Socket {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** Bytes handed to `write` that have not left yet. */
  readonly bufferedBytes: number
  /** Buffers in order, in one system call where possible. False: wait for onDrain before writing much more. */
  write(parts: readonly Buffer[]): boolean
  /** Finishes writing after what is buffered (FIN). */
  end(): void
  /**
   * Finishes writing after what is buffered, and closes when the other side has finished too, or after a while; the
   * handler hears of nothing but the end.
   */
  destroySoon(): void
  /** Ends both directions at once; `reset` sends RST instead of FIN. */
  destroy(reset?: boolean): void
  pause(): void
  resume(): void
  /**
   * Talks TLS from now on; `received` is what was read of it already. The handler hears of nothing before the handshake is
   * over but the end. Not there: these sockets have no TLS.
   */
  startTls?(handshake: TlsHandshake, received?: Buffer): void
  /** Of this chunk, which has been read, nothing is needed any more. */
  forget?(chunk: Buffer): void
}

/** One handshake to come: what is said in it, and who is told how it ended. */
export interface TlsHandshake {
  readonly side: 'server' | 'client'
  readonly options: TLSSocketOptions
  /** It is over: returns who handles the socket from now on; undefined: the socket is closed instead. */
  onSecure(socket: TLSSocket): SocketHandler | undefined
  /** A session that a later handshake may take up; clients only. */
  onSession?(session: Buffer): void
}

export interface DnsQuestion {
  readonly family: AddressFamily
  /** `ip` or `ip:port`; none: the machine's. */
  readonly servers: readonly string[]
  /** Ends it: nobody wants to know any more. */
  readonly signal: AbortSignal
}

/** One address of a name, and how long it is good; 0: nobody says. */
export interface DnsAnswer {
  readonly address: string
  readonly ttlMs: number
}

/** What name servers say of a name. */
export interface DnsAnswers {
  readonly found: readonly DnsAnswer[]
  /** The family of which nobody could say anything just now, while there is an address of the other one. */
  readonly unknown: 4 | 6 | undefined
}

/** IP version; 0: any. */
export type AddressFamily = 0 | 4 | 6

export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** Several threads listen on the same port and the kernel spreads the connections. */
  readonly reusePort: boolean
  /** Sockets of this address that listen already, to be taken instead of a new one; undefined or empty: none. */
  readonly fds?: readonly number[]
}

export interface ListeningSocket {
  readonly host: string
  readonly port: number
  /** What another process can take over; empty where there is nothing of that kind. */
  readonly fds: readonly number[]
  /** Stops accepting; accepted sockets live on. */
  close(): Promise<void>
}

export interface Network {
  /** Sockets that were told to close soon and have not closed yet; undefined: nobody counts them. */
  readonly leaving?: number
  /** Never throws: a connection that cannot be made ends in `onClose(error)`. */
  connect(host: string, port: number, handler: SocketHandler): Socket
  /** `accept` gets each new socket and returns its handler. Rejects when the address cannot be had. */
  listen(options: ListenOptions, accept: (socket: Socket) => SocketHandler): Promise<ListeningSocket>
  /** All addresses of a name, of one family where `family` is not 0; rejects when there is none. */
  resolve(host: string, family: AddressFamily): Promise<readonly string[]>
  /**
   * The same from name servers, those given or the machine's. What only the machine's own files know is found too, where
   * no servers are given.
   */
  query(host: string, question: DnsQuestion): Promise<DnsAnswers>
}
