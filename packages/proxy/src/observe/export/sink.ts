/** Something that batches go into, on the main thread. */
export interface Sink {
  /** Takes over a batch of so many lines or spans; `done` is called when they are written, sent or lost. */
  take(bytes: Uint8Array, count: number, done: () => void): void
  /** Nothing waits, and nothing is on its way. */
  readonly isIdle: boolean
  /** What waits is dealt with, for so long as it may take; then everything is given back. */
  close(timeoutMs: number): Promise<void>
}

/** A batch that waits. */
export interface WaitingBatch {
  readonly bytes: Uint8Array
  readonly count: number
  done(): void
}
