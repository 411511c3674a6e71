import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const WAIT_MS = 60_000

/** Resolves when it holds; what fails on the way is asked again. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + WAIT_MS
  while (!(await tried(holds))) {
    assert.ok(performance.now() < endMs, `in vain: ${what}`)
    await sleep(100)
  }
}

async function tried(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await holds()
  } catch {
    return false
  }
}
