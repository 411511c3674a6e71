/** `npm run sim -- --help` says how it is used. */

import { parseArgs } from 'node:util'
import { simulate } from './simulate.ts'

const PROGRESS_EVERY = 1000
const SHOWN_FAILURES = 20

class UsageError extends Error {}

const DEFAULT_SEEDS = '1000'
const HELP = `Usage: npm run sim -- [options]

Runs a proxy in a simulated world, in which a seed decides all that happens, and checks what must always hold.

  --seed <n>    replay the run of this seed
  --trace       with --seed: print all that happens
  --seeds <n>   run so many seeds (default: ${DEFAULT_SEEDS})
  --from <n>    with --seeds: the first of them (default: 1)
  -h, --help    print this

Exits with 1 when a run fails, and with 2 for options that there are not.`

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    const { help, seed, trace, from, seeds } = parseOptions(args)
    if (help) console.log(HELP)
    else if (seed !== undefined) return await replay(seed, trace)
    else return await runMany(from, seeds)
    return 0
  } catch (error: unknown) {
    if (!isUsageError(error)) throw error
    console.error(`error: ${error.message}\n\n${HELP}`)
    return 2
  }
}

function parseOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: DEFAULT_SEEDS },
      from: { type: 'string', default: '1' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  return {
    ...values,
    seed: values.seed === undefined ? undefined : parseNumber('seed', values.seed),
    seeds: parseNumber('seeds', values.seeds),
    from: parseNumber('from', values.from),
  }
}

/** Of `parseArgs`, or of `parseNumber`. */
function isUsageError(error: unknown): error is Error {
  const { code = '' } = error as { readonly code?: string }
  return error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS')
}

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
  if (!Number.isSafeInteger(number) || number < 0)
    throw new UsageError(`--${name}: expected a whole number, got '${text}'`)
  return number
}
