/** A report as people read it. */

import { relative } from 'node:path'
import type { CodePlace } from './code-place.ts'
import { countOutcomes, type Outcome, type Report, type RuleFailure } from './report.ts'

const MARKS = { pass: 'pass', fail: 'FAIL', 'not-applicable': 'n/a ', 'not-run': 'skip' } as const
const INDENT = ' '.repeat(11)
const MAX_HEX = 512

/** One line a rule, several for one that fails, and the sum. Paths are relative to `folder`, where they lie in it. */
export function formatReport(report: Report, folder: string = process.cwd()): string {
  const lines = report.outcomes.flatMap((outcome) => formatOutcome(outcome, folder))
  return `${report.codec}\n\n${lines.map((line) => `${line}\n`).join('')}\n${formatSum(report)}\n`
}

function formatOutcome(outcome: Outcome, folder: string): readonly string[] {
  const head = `  ${MARKS[outcome.kind]}  ${outcome.id.padEnd(3)}  ${outcome.title}`
  if (outcome.kind === 'pass') return [head]
  if (outcome.kind !== 'fail') return [`${head}: ${outcome.reason}`]
  return [head, ...formatFailure(outcome.failure, folder).map((line) => INDENT + line)]
}

/** What is wrong, with which bytes and where in the code: one line each. */
export function formatFailure(failure: RuleFailure, folder: string = process.cwd()): readonly string[] {
  const { message, sample, side, config, input, place } = failure
  const lines = message.split('\n')
  if (sample !== undefined)
    lines.push(`sample  ${sample} (${side}${config === undefined ? '' : `, ${JSON.stringify(config)}`})`)
  if (input.length > 0) lines.push(`bytes   ${formatInput(input)}`)
  if (place !== undefined) lines.push(`at      ${formatPlace(place, folder)}`)
  return lines
}

/** Hex, with a bar between pieces that came one after the other. */
export function formatInput(input: readonly string[]): string {
  const text = input.join(' | ')
  if (text.length <= MAX_HEX) return text
  return `${text.slice(0, MAX_HEX)}… (${input.join('').length / 2} bytes)`
}

/** File and line, as editors and terminals find them. */
export function formatPlace({ file, line }: CodePlace, folder: string = process.cwd()): string {
  const path = relative(folder, file)
  return `${path.startsWith('..') ? file : path}:${line}`
}

function formatSum(report: Report): string {
  const parts = [`${countOutcomes(report, 'pass')} passed`, `${countOutcomes(report, 'fail')} failed`]
  const notApplicable = countOutcomes(report, 'not-applicable')
  const notRun = countOutcomes(report, 'not-run')
  if (notApplicable > 0) parts.push(`${notApplicable} not applicable`)
  if (notRun > 0) parts.push(`${notRun} not run`)
  return parts.join(', ')
}
