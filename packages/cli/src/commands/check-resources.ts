/** What the commands that check resources without a control plane have in common. */

import { formatProblem, loadResources, type PlacedResource, type Problem } from '@meltemi/api/resource'
import { Option } from 'commander'
import { type Console, printLine } from '../console.ts'

export interface CheckFlags {
  readonly output: 'text' | 'json'
}

export interface CheckResult {
  readonly resources: number
  readonly problems: readonly Problem[]
}

/** More lines help nobody; JSON has them all. */
const MAX_LINES = 1_000

export function outputOption(): Option {
  return new Option('-o, --output <format>', 'one line per problem, or one JSON object')
    .choices(['text', 'json'])
    .default('text')
}

/** Reads all paths; what they say is checked by `check`, also what follows from there being nothing. */
export async function checkResources(
  paths: readonly string[],
  check: (resources: readonly PlacedResource[]) => Promise<readonly Problem[]>,
): Promise<CheckResult> {
  const parsed = paths.map(loadResources)
  const resources = parsed.flatMap((each) => each.resources)
  const problems = [...parsed.flatMap((each) => each.problems), ...(await check(resources))]
  if (resources.length === 0 && !problems.some(isError))
    return { resources: 0, problems: [nothing(paths), ...problems] }
  return { resources: resources.length, problems: inOrder(problems) }
}

/** Returns the exit code. */
export function reportResult({ resources, problems }: CheckResult, flags: CheckFlags, console: Console): number {
  const errors = problems.filter(isError).length
  if (flags.output === 'json') console.write(`${JSON.stringify({ resources, problems }, undefined, 2)}\n`)
  else {
    for (const problem of problems.slice(0, MAX_LINES)) printLine(console, problem.severity, formatProblem(problem))
    if (problems.length > MAX_LINES) printLine(console, 'note', `${problems.length - MAX_LINES} more are not shown`)
    if (errors === 0) console.write(`${count(resources, 'resource')}: ${summary(problems)}\n`)
  }
  return errors === 0 ? 0 : 1
}

export function isError({ severity }: Problem): boolean {
  return severity === 'error'
}

function nothing(paths: readonly string[]): Problem {
  const message = 'no resources are here; files end in .yaml, .yml or .json'
  return { severity: 'error', file: paths.join(', '), line: 0, column: 0, path: '', message, code: 'unreadable' }
}

/** Of each file together, in the order of its text. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const files = [...new Set(problems.map(({ file }) => file))]
  const rank = new Map(files.map((file, index) => [file, index]))
  return problems.toSorted(
    (a, b) => (rank.get(a.file) ?? 0) - (rank.get(b.file) ?? 0) || a.line - b.line || a.column - b.column,
  )
}

function summary(problems: readonly Problem[]): string {
  const warnings = problems.filter(({ severity }) => severity === 'warning').length
  return warnings === 0 ? 'no problems' : `no errors, ${count(warnings, 'warning')}`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
