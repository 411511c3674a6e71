// The load as a child process: takes one order after the other from its parent and answers each with figures.

import { writeFileSync } from 'node:fs'
import { type LoadOrder, type LoadResult, runLoad } from './run-load.ts'

export type LoadAnswer = { readonly result: LoadResult } | { readonly error: string }

askForExactSleeps()
process.on('message', (order: LoadOrder) => {
  runLoad(order).then(
    (result) => process.send?.({ result } satisfies LoadAnswer),
    (error: unknown) => process.send?.({ error: String(error) } satisfies LoadAnswer),
  )
})
process.once('disconnect', () => process.exit(0))

// Linux rounds sleeps up by 50 us for the sake of power; a process may ask for less for itself.
function askForExactSleeps(): void {
  try {
    writeFileSync('/proc/self/timerslack_ns', '1000')
  } catch {
    // not allowed everywhere: sleeps are longer then
  }
}
