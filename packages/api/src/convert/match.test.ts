import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MetadataMatcher } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

describe('a matcher', () => {
  const cases: readonly (readonly [string, MetadataMatcher['test']])[] = [
    ['string_match: {exact: A}', { kind: 'exact', text: 'A', ignoreCase: false }],
    ['string_match: {exact: A, ignore_case: true}', { kind: 'exact', text: 'A', ignoreCase: true }],
    ['string_match: {exact: ""}', { kind: 'exact', text: '', ignoreCase: false }],
    ['string_match: {prefix: A}', { kind: 'prefix', text: 'A', ignoreCase: false }],
    ['string_match: {suffix: A, ignoreCase: true}', { kind: 'suffix', text: 'A', ignoreCase: true }],
    ['string_match: {contains: A}', { kind: 'contains', text: 'A', ignoreCase: false }],
    ['string_match: {safe_regex: {regex: "a|b", google_re2: {}}}', { kind: 'regex', pattern: 'a|b' }],
    ['exact_match: A', { kind: 'exact', text: 'A', ignoreCase: false }],
    ['prefix_match: A', { kind: 'prefix', text: 'A', ignoreCase: false }],
    ['suffix_match: A', { kind: 'suffix', text: 'A', ignoreCase: false }],
    ['contains_match: A', { kind: 'contains', text: 'A', ignoreCase: false }],
    ['safe_regex_match: {regex: "(?i)a\\\\d+"}', { kind: 'regex', pattern: '(?i)a\\d+' }],
    ['range_match: {start: -5, end: "9223372036854775807"}', { kind: 'range', start: -5n, end: 9223372036854775807n }],
    ['range_match: {end: 9007199254740993}', { kind: 'range', start: 0n, end: 9007199254740993n }],
    ['present_match: true', { kind: 'present', present: true }],
    ['present_match: false', { kind: 'present', present: false }],
    ['invert_match: false', { kind: 'present', present: true }],
  ]
  for (const [text, expected] of cases) {
    test(`reads ${text}`, () => assert.deepEqual(accept(text).test, expected))
  }

  test('with an empty exact_match matches any value that is there, as in Envoy', () => {
    assert.deepEqual(accept('exact_match: ""').test, { kind: 'prefix', text: '', ignoreCase: false })
  })

  test('carries invert_match and treat_missing_header_as_empty', () => {
    const { invert, treatMissingAsEmpty } = accept(
      'exact_match: A, invert_match: true, treat_missing_header_as_empty: true',
    )
    assert.deepEqual([invert, treatMissingAsEmpty], [true, true])
  })
})

describe('a wrong matcher is refused', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['exact_match: a, prefix_match: b', 'only one of exact_match and prefix_match can be set'],
    ['prefix_match: ""', 'must not be empty'],
    ['string_match: {}', 'one of exact, prefix, suffix, safe_regex, contains, custom is required'],
    ['safe_regex_match: {regex: "a(?=b)"}', 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`'],
    [
      'string_match: {safe_regex: {regex: a}, ignore_case: true}',
      'has no effect on safe_regex, write (?i) into the expression',
    ],
    ['range_match: {start: 1.5}', 'expected a whole number, got 1.5'],
    ['safe_regex_match: {regex: a, google_re2: {max_program_size: 5}}', 'max_program_size is not supported yet'],
  ]
  for (const [text, expected] of cases) {
    test(text, () => {
      const messages = parse(text)
        .problems.filter((problem) => problem.severity === 'error')
        .map((problem) => problem.message)
      assert.deepEqual(messages, [expected])
    })
  }

  test('without a name', () => {
    const { problems } = parse('exact_match: a', '')
    assert.deepEqual(
      problems.map((problem) => problem.message),
      ['name is required'],
    )
  })
})

test('a range that no number is in is a warning', () => {
  const { config, problems } = parse('range_match: {start: 5, end: 5}')
  assert.notEqual(config, undefined)
  assert.deepEqual(
    problems.map((problem) => problem.message),
    ['no number is at least 5 and less than 5'],
  )
})

function parse(matcher: string, name = 'key') {
  return parseBootstrap(
    `
static_resources:
  clusters: {name: c}
  listeners:
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
      filters:
        name: any
        typed_config:
          "@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: s
          protocol: {name: p, codec: {name: c}}
          route_config: {routes: [{match: {metadata: [{name: "${name}", ${matcher}}]}, route: {cluster: c}}]}
`,
    'file.yaml',
  )
}

function accept(matcher: string): MetadataMatcher {
  const { config, problems } = parse(matcher)
  assert.deepEqual(problems, [])
  const filter = config?.listeners[0]?.filter
  const read = filter?.kind === 'meta-protocol' ? filter.routes.routes[0]?.match.metadata[0] : undefined
  return read ?? assert.fail('no matcher')
}
