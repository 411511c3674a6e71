import type { TimeLimit } from '../judge/time-limit.ts'

/** On a machine with other work a slow run is no loop: it counts when the time was spent by ourselves. */
const MAX_TRIES = 8
const OWN_SHARE = 0.7

/** Whether `action` takes more than `limitMs` of processor time; it is tried again when others had the processor. */
export function isHanging(timeLimit: TimeLimit, limitMs: number, action: () => void): boolean {
  for (let n = 0; n < MAX_TRIES; n++) {
    const before = process.cpuUsage()
    if (timeLimit.run(limitMs, action)) return false
    const { user, system } = process.cpuUsage(before)
    if (user + system >= OWN_SHARE * 1000 * limitMs) return true
  }
  return true
}
