import { AssertionError } from 'node:assert'
import type { CodecDefinition } from '../codec.ts'
import { formatFailure } from './judge/format-report.ts'
import { type JudgeOptions, judge } from './judge/judge.ts'
import type { Sample } from './sample.ts'

/** Throws an AssertionError that says which rules fail, of all or of those in the options, and with which bytes. */
export function assertConforms(definition: CodecDefinition, samples: readonly Sample[], options?: JudgeOptions): void {
  const lines = judge(definition, samples, options).outcomes.flatMap((outcome) =>
    outcome.kind === 'fail' ? [`${outcome.id} ${outcome.title}`, ...formatFailure(outcome.failure)] : [],
  )
  if (lines.length > 0) throw new AssertionError({ message: `${definition.name}\n${lines.join('\n')}` })
}
