import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Report, RuleFailure } from '@meltemi/sdk/testing'
import { junitReport } from './junit-report.ts'

const failure: RuleFailure = {
  message: 'a "quoted" <text> & a bell \u0007, half a \ud83d\nand a second line',
  sample: 'sample',
  side: 'downstream',
  config: undefined,
  input: ['00', '01'],
  place: { file: '/a/<b>.ts', line: 7 },
}

const report: Report = {
  codec: 'a<b>&"c"',
  outcomes: [
    { id: 'D1', title: 'passes', kind: 'pass' },
    { id: 'D2', title: 'fails', kind: 'fail', failure },
    { id: 'D3', title: 'does not apply', kind: 'not-applicable', reason: 'no sample is "it"' },
    { id: 'D4', title: 'is not run', kind: 'not-run', reason: 'it rests on D2' },
  ],
}

test('a JUnit report has a case for each rule, with what failed and where, and why others were skipped', () => {
  assert.equal(
    junitReport(report),
    `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="meltemi codec test" tests="4" failures="1" errors="0" skipped="2">
  <testsuite name="a&lt;b&gt;&amp;&quot;c&quot;" tests="4" failures="1" errors="0" skipped="2">
    <testcase classname="a&lt;b&gt;&amp;&quot;c&quot;" name="D1 passes"/>
    <testcase classname="a&lt;b&gt;&amp;&quot;c&quot;" name="D2 fails" file="/a/&lt;b&gt;.ts" line="7">` +
      '<failure message="a &quot;quoted&quot; &lt;text&gt; &amp; a bell \\u{7}, half a \\u{d83d}&#10;and a second line" type="D2">' +
      `a &quot;quoted&quot; &lt;text&gt; &amp; a bell \\u{7}, half a \\u{d83d}
and a second line
sample  sample (downstream)
bytes   00 | 01
at      /a/&lt;b&gt;.ts:7</failure></testcase>
    <testcase classname="a&lt;b&gt;&amp;&quot;c&quot;" name="D3 does not apply"><skipped message="no sample is &quot;it&quot;"/></testcase>
    <testcase classname="a&lt;b&gt;&amp;&quot;c&quot;" name="D4 is not run"><skipped message="it rests on D2"/></testcase>
  </testsuite>
</testsuites>
`,
  )
})
