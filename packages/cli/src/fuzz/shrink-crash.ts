import type { FuzzInput } from '@meltemi/sdk/testing'
import type { FuzzPlan } from './fuzz-task.ts'
import { runProcess } from './run-process.ts'

/** Each process makes the input smaller by one step. */
const MAX_PROCESSES = 30
const MAX_MS = 10_000
/** For one of them. */
const PROCESS_MS = 10_000

/** The smallest input that ends its process in the same way, as far as it is found in the time there is. */
export async function shrinkCrash(plan: FuzzPlan, input: FuzzInput, what: string): Promise<FuzzInput> {
  const until = performance.now() + MAX_MS
  let smallest = input
  for (let n = 0; n < MAX_PROCESSES && performance.now() < until; n++) {
    const end = await runProcess(plan, { smallerThan: smallest, limitMs: PROCESS_MS })
    if (end.kind !== 'crashed' || end.what !== what || end.input === undefined) break
    smallest = end.input
  }
  return smallest
}
