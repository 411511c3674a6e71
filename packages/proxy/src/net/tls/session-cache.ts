import type { X509Certificate } from 'node:crypto'

/** Addresses whose sessions are kept; of more the one that was used least recently is forgotten. */
const MAX_ADDRESSES = 1024

export interface KeptSession {
  readonly session: Buffer
  /** What its service has shown when it began: it does not show it again. */
  readonly certificate: X509Certificate
}

/** Sessions that later connections to the same address may take up, the newest first. */
export class SessionCache {
  readonly #perAddress: number
  readonly #sessions = new Map<string, readonly KeptSession[]>()

  /** `perAddress`: 0 keeps none. */
  constructor(perAddress: number) {
    this.#perAddress = perAddress
  }

  get size(): number {
    return this.#sessions.size
  }

  get(address: string): KeptSession | undefined {
    return this.#sessions.get(address)?.[0]
  }

  add(address: string, session: KeptSession): void {
    if (this.#perAddress === 0) return
    const kept = [session, ...(this.#sessions.get(address) ?? [])].slice(0, this.#perAddress)
    this.#sessions.delete(address)
    this.#sessions.set(address, kept)
    if (this.#sessions.size <= MAX_ADDRESSES) return
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest)
      return
    }
  }

  /** A session that was no use: the server did not take it. */
  drop(address: string): void {
    this.#sessions.delete(address)
  }
}
