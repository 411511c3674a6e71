/** `npm run sim -- --seed N [--trace]` replays one run, `--seeds N [--from M]` runs many. */

import { parseArgs } from 'node:util'
import { simulate } from './simulate.ts'

const PROGRESS_EVERY = 1000
const SHOWN_FAILURES = 20

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
})

if (values.seed !== undefined) process.exitCode = await replay(parseNumber('seed', values.seed), values.trace)
else process.exitCode = await runMany(parseNumber('from', values.from), parseNumber('seeds', values.seeds ?? '1000'))

async function replay(seed: number, showsTrace: boolean): Promise<number> {
  const result = await simulate(seed, showsTrace ? { print: (line) => console.log(line) } : {})
  const { hash, requests, replies, problems } = result
  console.log(`seed ${seed}: trace ${hash}, ${requests} requests, ${replies} replies`)
  for (const problem of problems) console.log(`  ${problem}`)
  console.log(problems.length === 0 ? 'passed' : 'FAILED')
  return problems.length === 0 ? 0 : 1
}

async function runMany(from: number, count: number): Promise<number> {
  const failed: number[] = []
  let requests = 0
  for (let seed = from; seed < from + count; seed++) {
    const result = await simulate(seed)
    requests += result.requests
    if (result.problems.length > 0) {
      failed.push(seed)
      if (failed.length <= SHOWN_FAILURES) console.log(`seed ${seed}: ${result.problems[0]?.slice(0, 300)}`)
    }
    const done = seed - from + 1
    if (done % PROGRESS_EVERY === 0 && done < count) console.log(`${done} of ${count} seeds, ${failed.length} failed`)
  }
  console.log(`${count - failed.length} passed, ${failed.length} failed, ${requests} requests`)
  if (failed.length > 0) console.log(`failing seeds: ${failed.join(' ')}`)
  return failed.length === 0 ? 0 : 1
}

function parseNumber(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name}: expected a whole number, got '${text}'`)
  return number
}
