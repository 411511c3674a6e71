/** A change that is ready: one of the two is to be called, once, and neither fails. */
export interface Prepared {
  /** Puts it in force. */
  use(): void
  /** As if it had never been asked for. */
  discard(): void
}
