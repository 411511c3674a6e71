/** Runs something until it has drained, and hands it the signals. */

import { constants } from 'node:os'

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** npm hands Ctrl-C on to a process that has it from the terminal already: that is still the first one. */
const SAME_SIGNAL_MS = 100

export interface Served {
  /** Begins to end; may be called again. */
  drain(): void
  /** Resolves with the exit code when everything has ended. */
  readonly done: Promise<number>
}

/** The first signal drains, a second one exits at once. Returns the exit code; throws what `start` throws. */
export async function serveUntilSignal(start: () => Promise<Served>): Promise<number> {
  let served: Served | undefined
  let isDraining = false
  let drainingSinceMs = 0
  const onSignal = (signal: (typeof STOP_SIGNALS)[number]): void => {
    // What the second signal asks for must not depend on anything that could hang.
    if (isDraining && performance.now() - drainingSinceMs > SAME_SIGNAL_MS)
      process.exit(128 + constants.signals[signal])
    if (isDraining) return
    isDraining = true
    drainingSinceMs = performance.now()
    served?.drain()
  }
  // Before the start, for a signal may come as soon as it says that it listens.
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal)
  try {
    served = await start()
    if (isDraining) served.drain()
    return await served.done
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal)
  }
}
