import { countOutcomes, type Outcome, type Report } from '@meltemi/sdk/testing'

/** The report as JSON; docs/codec-rules.md describes it. */
export function jsonReport(report: Report): string {
  const { codec, outcomes } = report
  const counts = {
    passed: countOutcomes(report, 'pass'),
    failed: countOutcomes(report, 'fail'),
    notApplicable: countOutcomes(report, 'not-applicable'),
    notRun: countOutcomes(report, 'not-run'),
  }
  return `${JSON.stringify({ codec, ...counts, rules: outcomes.map(jsonOutcome) }, undefined, 2)}\n`
}

function jsonOutcome(outcome: Outcome): object {
  const { id, title, kind } = outcome
  if (outcome.kind === 'pass') return { id, title, outcome: kind }
  if (outcome.kind !== 'fail') return { id, title, outcome: kind, reason: outcome.reason }
  const { place, ...failure } = outcome.failure
  return { id, title, outcome: kind, failure: { ...failure, file: place?.file, line: place?.line } }
}
