// The load as a child process: takes one order after the other from its parent and answers each with figures.

import { writeFileSync } from 'node:fs'
import { type LoadOrder, type LoadResult, runLoad } from './run-load.ts'

export type LoadAnswer = { readonly result: LoadResult } | { readonly error: string }

askForExactSleeps()
process.on('message', (order: LoadOrder) => {
  runLoad(order).then(
    (result) => answer({ result }),
    (error: unknown) => answer({ error: String(error) }),
  )
})
process.once('disconnect', () => process.exit(0))

function answer(message: LoadAnswer): void {
  process.send?.(message, undefined, undefined, () => {}) // a parent that is gone needs no answer
}

// Linux rounds sleeps up by 50 us for the sake of power; a process may ask for less for itself.
function askForExactSleeps(): void {
  try {
    writeFileSync('/proc/self/timerslack_ns', '1000')
  } catch {
    // not allowed everywhere: sleeps are longer then
  }
}
