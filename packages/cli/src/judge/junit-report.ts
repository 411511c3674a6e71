import { countOutcomes, formatFailure, type Outcome, type Report } from '@meltemi/sdk/testing'

/** What XML 1.0 has no way to write, not even escaped: control characters, non-characters and halves of a character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNWRITABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** The report in the XML that CI systems read: a suite for the codec, a case for each rule. */
export function junitReport(report: Report): string {
  const { codec, outcomes } = report
  const skipped = countOutcomes(report, 'not-applicable') + countOutcomes(report, 'not-run')
  const counts = { tests: outcomes.length, failures: countOutcomes(report, 'fail'), errors: 0, skipped }
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({ name: 'meltemi codec test', ...counts })}>`,
    `  <testsuite ${attributes({ name: codec, ...counts })}>`,
    ...outcomes.map((outcome) => testCase(codec, outcome)),
    '  </testsuite>',
    '</testsuites>\n',
  ].join('\n')
}

function testCase(codec: string, outcome: Outcome): string {
  const { id, title } = outcome
  const place = outcome.kind === 'fail' ? outcome.failure.place : undefined
  const head = attributes({ classname: codec, name: `${id} ${title}`, file: place?.file, line: place?.line })
  if (outcome.kind === 'pass') return `    <testcase ${head}/>`
  return `    <testcase ${head}>${detail(outcome)}</testcase>`
}

function detail(outcome: Exclude<Outcome, { kind: 'pass' }>): string {
  if (outcome.kind !== 'fail') return `<skipped ${attributes({ message: outcome.reason })}/>`
  const { failure, id } = outcome
  const text = formatFailure(failure).map(escaped).join('\n')
  return `<failure ${attributes({ message: failure.message, type: id })}>${text}</failure>`
}

function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : `${name}="${attribute(String(value))}"`))
    .join(' ')
}

/** Line breaks would become spaces. */
function attribute(text: string): string {
  return escaped(text).replaceAll(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`)
}

function escaped(text: string): string {
  return text
    .replaceAll(UNWRITABLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
    .replaceAll(/[&<>"]/g, (character) => ESCAPES[character] ?? character)
}
