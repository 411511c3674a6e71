/** Runs the proxy until it has drained. */

import { type ProxyOptions, startProxy } from '@meltemi/proxy'
import { serveUntilSignal } from './serve-until-signal.ts'

/** Returns the exit code; throws when the proxy cannot start. */
export async function serve(options: ProxyOptions): Promise<number> {
  let reopen = (): void => {}
  const onSignal = (): void => reopen()
  // also before anything is there to be reopened: without a listener the signal would have Node wait for a debugger
  process.on('SIGUSR1', onSignal)
  try {
    return await serveUntilSignal(async () => {
      const running = await startProxy(options)
      reopen = () => running.reopenLogs()
      return running
    })
  } finally {
    process.off('SIGUSR1', onSignal)
  }
}
