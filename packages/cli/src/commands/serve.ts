/** Runs the proxy until it has drained, and hands it the signals. */

import { constants } from 'node:os'
import { type ProxyOptions, type RunningProxy, startProxy } from '@meltemi/proxy'

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** npm hands Ctrl-C on to a process that has it from the terminal already: that is still the first one. */
const SAME_SIGNAL_MS = 100

/** Returns the exit code; throws when the proxy cannot start. */
export async function serve(options: ProxyOptions): Promise<number> {
  let proxy: RunningProxy | undefined
  let isDraining = false
  let drainingSinceMs = 0
  const onSignal = (signal: (typeof STOP_SIGNALS)[number]): void => {
    // What the second signal asks for must not depend on anything that could hang.
    if (isDraining && performance.now() - drainingSinceMs > SAME_SIGNAL_MS)
      process.exit(128 + constants.signals[signal])
    if (isDraining) return
    isDraining = true
    drainingSinceMs = performance.now()
    proxy?.drain()
  }
  // Before the start, for a signal may come as soon as the proxy says that it listens.
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal)
  proxy = await startProxy(options)
  if (isDraining) proxy.drain()
  return proxy.done
}
