import { constants } from 'node:crypto'
import type { SecureContext, SecureContextOptions, TLSSocket, TLSSocketOptions } from 'node:tls'
import type { DownstreamTlsConfig } from '@meltemi/api/model'
import { describeTls } from './describe-tls.ts'
import { FollowedParts } from './followed-parts.ts'
import { ContextChoice, sessionContext } from './secure-contexts.ts'
import { tlsNeeds } from './tls-material.ts'
import type { TlsParts } from './tls-secrets.ts'
import type { TlsStats } from './tls-stats.ts'
import type { TlsThread } from './tls-thread.ts'
import { PeerVerifier } from './verify-peer.ts'

/** A handshake that is over. */
export type ServerVerdict =
  | { readonly properties: ReadonlyMap<string, string>; readonly refusal?: undefined }
  | { readonly refusal: string }

/** What an established connection tells besides what its type says. */
interface Session {
  verifyError(): (Error & { code?: string }) | null
}

/** TLS of one listener, in one thread. Secrets that change are used by the handshakes that follow. */
export class ServerTls {
  readonly handshakeTimeoutMs: number
  readonly stats: TlsStats
  readonly #config: DownstreamTlsConfig
  readonly #parts: FollowedParts
  readonly #thread: TlsThread
  #options: TLSSocketOptions | undefined
  #verifier: PeerVerifier

  constructor(config: DownstreamTlsConfig, thread: TlsThread, stats: TlsStats) {
    this.handshakeTimeoutMs = config.handshakeTimeoutMs
    this.stats = stats
    this.#config = config
    this.#thread = thread
    this.#parts = new FollowedParts(tlsNeeds(config), thread, stats)
    this.#verifier = new PeerVerifier(undefined, true, thread.compile)
  }

  /** For one connection; undefined: a secret is not here yet. */
  options(): TLSSocketOptions | undefined {
    this.#parts.follow(this.#use)
    if (this.#options === undefined) this.stats.secretsNotReady.add(1)
    return this.#options
  }

  /** Whether the client may come in, and what is known of it. Counts. */
  judge(socket: TLSSocket): ServerVerdict {
    const { stats } = this
    const certificate = socket.getPeerX509Certificate()
    const refusal = this.#verifier.refusal({ certificate, chainError: chainErrorOf(socket) }, stats)
    if (refusal !== undefined) return { refusal }
    stats.handshake.add(1)
    stats.versions[socket.getProtocol() ?? '']?.add(1)
    if (socket.isSessionReused()) stats.sessionReused.add(1)
    if (certificate === undefined) stats.noCertificate.add(1)
    const { servername, alpnProtocol } = socket as { servername?: string | false | null; alpnProtocol?: string | false }
    const properties = describeTls({
      version: socket.getProtocol() ?? '',
      serverName: servername || '',
      alpn: alpnProtocol || '',
      certificate: this.#verifier.proves ? certificate : undefined,
    })
    return { properties }
  }

  /** An end before the handshake was over. */
  onFailed(error: (Error & { code?: string }) | undefined): void {
    const hasNoCertificate = error?.code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'
    const counter = hasNoCertificate ? this.stats.failVerifyNoCert : this.stats.connectionError
    counter.add(1)
  }

  log(remoteAddress: string, reason: string): void {
    this.#thread.logFailure(remoteAddress, reason)
  }

  readonly #use = (parts: TlsParts): void => {
    const config = this.#config
    const choice = new ContextChoice(config, parts, this.#sessionOptions(sessionContext(config, parts)))
    const asksForCertificate = config.requireClientCertificate || parts.validation !== undefined
    this.#verifier = new PeerVerifier(parts.validation, config.requireClientCertificate, this.#thread.compile)
    this.#options = {
      secureContext: choice.first,
      requestCert: asksForCertificate,
      // who shows none is told so in the handshake; who shows one is judged afterwards
      rejectUnauthorized: config.requireClientCertificate,
      ...(config.alpn.length === 0 ? {} : { ALPNProtocols: [...config.alpn] }),
      ...(choice.hasChoice ? { SNICallback: chooser(choice) } : {}),
    }
  }

  #sessionOptions(sessionIdContext: string): SecureContextOptions {
    const { resumption, sessionTimeoutS } = this.#config
    if (!resumption) return { sessionIdContext, secureOptions: constants.SSL_OP_NO_TICKET }
    return { sessionIdContext, sessionTimeout: sessionTimeoutS, ticketKeys: this.#thread.secrets.ticketKeys }
  }
}

function chooser(choice: ContextChoice) {
  return (serverName: string, done: (error: Error | null, context?: SecureContext) => void) =>
    done(null, choice.for(serverName))
}

/** Who cannot be asked about is not known to be good. */
function chainErrorOf(socket: TLSSocket): string | null {
  const { ssl } = socket as unknown as { ssl?: Session | null }
  if (ssl === undefined || ssl === null) return 'nobody has verified it'
  const error = ssl.verifyError()
  return error === null || error === undefined ? null : (error.code ?? error.message)
}
