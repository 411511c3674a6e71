import type { Status } from '@meltemi/api/xds'

/** What a request says of the response before it. */
export type Answer = 'none' | 'accepted' | 'rejected' | 'stale'

const MAX_ERROR_LENGTH = 1_024

/**
 * The response of one type that a stream was sent last, and the client's answer to it. There is no second one before
 * the first is answered, so however slow a client is, what waits for it is what is newest.
 *
 *   none ──sent──▶ outstanding ──▶ accepted ─┐
 *                    ▲     └─────▶ rejected ─┤
 *                    └─────────sent──────────┘
 */
export class Delivery {
  #state: 'none' | 'outstanding' | 'accepted' | 'rejected' = 'none'
  #nonce = ''
  #sinceMs = 0
  sentVersion = ''
  ackedVersion = ''
  /** Why a response was rejected, if one was: the last one. */
  error = ''

  get isOutstanding(): boolean {
    return this.#state === 'outstanding'
  }

  get isRejected(): boolean {
    return this.#state === 'rejected'
  }

  /** When what the last response brought was first due. */
  get sinceMs(): number {
    return this.#sinceMs
  }

  sent(nonce: string, version: string, sinceMs: number): void {
    this.#state = 'outstanding'
    this.#nonce = nonce
    this.#sinceMs = sinceMs
    this.sentVersion = version
  }

  /** Takes in an answer. A request that answers nothing, or what is answered already, is a question and nothing else. */
  answer(nonce: string, error: Status | undefined): Answer {
    if (nonce === '' || this.#nonce === '') return 'none'
    if (nonce !== this.#nonce) return 'stale'
    if (error !== undefined) return this.#reject(error)
    if (this.#state !== 'outstanding') return 'none'
    this.#state = 'accepted'
    this.ackedVersion = this.sentVersion
    return 'accepted'
  }

  #reject({ code, message }: Status): Answer {
    if (this.#state === 'rejected') return 'none'
    this.#state = 'rejected'
    this.error = message.slice(0, MAX_ERROR_LENGTH) || `code ${code}`
    return 'rejected'
  }
}
