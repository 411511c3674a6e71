import type { X509Certificate } from 'node:crypto'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import type { UpstreamTlsConfig } from '@meltemi/api/model'
import { FollowedParts } from './followed-parts.ts'
import { buildContext } from './secure-contexts.ts'
import { SessionCache } from './session-cache.ts'
import { tlsNeeds } from './tls-material.ts'
import type { TlsParts } from './tls-secrets.ts'
import type { TlsStats } from './tls-stats.ts'
import type { TlsThread } from './tls-thread.ts'
import { PeerVerifier } from './verify-peer.ts'

/** TLS toward one cluster, in one thread. Secrets that change are used by the handshakes that follow. */
export class ClientTls {
  readonly stats: TlsStats
  readonly #config: UpstreamTlsConfig
  readonly #parts: FollowedParts
  readonly #thread: TlsThread
  #options: ConnectionOptions | undefined
  #verifier: PeerVerifier
  #sessions: SessionCache

  constructor(config: UpstreamTlsConfig, thread: TlsThread, stats: TlsStats) {
    this.stats = stats
    this.#config = config
    this.#thread = thread
    this.#parts = new FollowedParts(tlsNeeds(config), thread, stats)
    this.#verifier = new PeerVerifier(undefined, true, thread.compile)
    this.#sessions = new SessionCache(config.maxSessionKeys)
  }

  /** For one connection to this address; undefined: a secret is not here yet. */
  options(address: string): ConnectionOptions | undefined {
    this.#parts.follow(this.#use)
    if (this.#options === undefined) {
      this.stats.secretsNotReady.add(1)
      return undefined
    }
    const kept = this.#sessions.get(address)
    return kept === undefined ? this.#options : { ...this.#options, session: kept.session }
  }

  /** Who keeps sessions of connections that begin now; they do not outlive the secrets that they were begun with. */
  get sessions(): SessionCache {
    return this.#sessions
  }

  /**
   * Returns the certificate of the service, or why it is not the one that is wanted. Counts. `known`: whose session was
   * taken up, for then it does not show it again.
   */
  judge(socket: TLSSocket, known: X509Certificate | undefined): X509Certificate | string {
    const { stats } = this
    // null, whatever the types say, where its chain is good
    const error = socket.authorizationError as unknown as Error | string | null | undefined
    const chainError = error === null || error === undefined ? null : typeof error === 'string' ? error : error.message
    const certificate = socket.isSessionReused() ? known : socket.getPeerX509Certificate()
    const refusal = this.#verifier.refusal({ certificate, chainError }, stats)
    if (refusal !== undefined || certificate === undefined) return refusal ?? 'the peer has shown no certificate'
    stats.handshake.add(1)
    stats.versions[socket.getProtocol() ?? '']?.add(1)
    if (socket.isSessionReused()) stats.sessionReused.add(1)
    return certificate
  }

  log(address: string, reason: string): void {
    this.#thread.logFailure(address, reason)
  }

  readonly #use = (parts: TlsParts): void => {
    const { alpn, sni, maxSessionKeys } = this.#config
    this.#verifier = new PeerVerifier(parts.validation, true, this.#thread.compile)
    this.#sessions = new SessionCache(maxSessionKeys)
    this.#options = {
      secureContext: buildContext(this.#config, parts),
      // judged afterwards, by what the configuration asks
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      servername: sni,
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
    }
  }
}
