import { AssertionError } from 'node:assert'
import { describe, test } from 'node:test'
import type { CodecDefinition } from '../codec.ts'
import { formatFailure } from './judge/format-report.ts'
import { Judgement, type JudgeOptions } from './judge/judge.ts'
import { RULES } from './rules/rules.ts'
import type { Sample } from './sample.ts'

/**
 * Registers a test for each rule, see docs/codec-rules.md. Give samples of both sides and of every message type: a
 * rule that no sample is about passes, and says so in a diagnostic line.
 */
export function conformance(
  definition: CodecDefinition,
  samples: readonly Sample[],
  options: Omit<JudgeOptions, 'rules'> = {},
): void {
  const judgement = new Judgement(definition, samples, options)
  describe(`${definition.name} conforms`, () => {
    for (const rule of RULES) {
      test(`${rule.id} ${rule.title}`, (t) => {
        const outcome = judgement.outcomeOf(rule)
        if (outcome.kind === 'fail') throw new AssertionError({ message: formatFailure(outcome.failure).join('\n') })
        if (outcome.kind === 'not-run') t.skip(outcome.reason)
        if (outcome.kind === 'not-applicable') t.diagnostic(`${rule.id} does not apply: ${outcome.reason}`)
      })
    }
  })
}
