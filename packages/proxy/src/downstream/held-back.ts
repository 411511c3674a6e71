import type { UpstreamConnection } from '../upstream/connection.ts'

/** Upstream connections that are not read because their client does not take what came from them. */
export class HeldBack {
  #upstreams: Set<UpstreamConnection> | null = null

  hold(upstream: UpstreamConnection): void {
    upstream.pause()
    this.#upstreams ??= new Set()
    this.#upstreams.add(upstream)
  }

  /** Reads them again. */
  release(): void {
    if (this.#upstreams === null) return
    const upstreams = this.#upstreams
    this.#upstreams = null
    for (const upstream of upstreams) if (!upstream.isClosed) upstream.resume()
  }
}
