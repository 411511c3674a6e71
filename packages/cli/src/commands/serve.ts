/** Runs the proxy until it has drained. */

import { type ProxyOptions, startProxy } from '@meltemi/proxy'
import { serveUntilSignal } from './serve-until-signal.ts'

/** Returns the exit code; throws when the proxy cannot start. */
export function serve(options: ProxyOptions): Promise<number> {
  return serveUntilSignal(() => startProxy(options))
}
