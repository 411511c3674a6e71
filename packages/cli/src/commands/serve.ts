/** Runs the proxy until it has drained. */

import { type ProxyOptions, type RunningProxy, startProxy, takeEstate } from '@meltemi/proxy'
import { serveUntilSignal } from './serve-until-signal.ts'

/** Returns the exit code; throws when the proxy cannot start. */
export async function serve(options: ProxyOptions): Promise<number> {
  let running: RunningProxy | undefined
  const onReopen = () => running?.reopenLogs()
  const onRestart = () => running?.hotRestart()
  // also before anything is there: without a listener Node would wait for a debugger, or end
  process.on('SIGUSR1', onReopen)
  process.on('SIGUSR2', onRestart)
  try {
    return await serveUntilSignal(async () => {
      running = await startProxy({ ...options, estate: takeEstate() })
      return running
    })
  } finally {
    process.off('SIGUSR1', onReopen)
    process.off('SIGUSR2', onRestart)
  }
}
