import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBootstrap } from './parse-bootstrap.ts'

const TYPES = [
  'aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
  'udpa.type.v1.TypedStruct',
  'meltemi.v1.Modules',
  'a.B',
]
const NAMES = [
  ...[
    'static_resources',
    'listeners',
    'clusters',
    'address',
    'socket_address',
    'port_value',
    'filter_chains',
    'filters',
  ],
  ...[
    'typed_config',
    'name',
    'route_config',
    'routes',
    'match',
    'metadata',
    'route',
    'cluster',
    'weighted_clusters',
    'weight',
  ],
  ...[
    'protocol',
    'codec',
    'config',
    'meta_protocol_filters',
    'load_assignment',
    'endpoints',
    'lb_endpoints',
    'endpoint',
  ],
  ...[
    'safe_regex_match',
    'regex',
    'range_match',
    'start',
    'connect_timeout',
    'lb_policy',
    'type_url',
    'value',
    'admin',
    'node',
  ],
]

/** Trees of names that mean something, in places where most of them do not belong. */
const { tree } = fc.letrec<{ tree: unknown; leaf: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 8, depthSize: 'large' },
    tie('leaf'),
    fc.array(tie('tree'), { maxLength: 3 }),
    nodeOf(tie('tree')),
  ),
  leaf: fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.bigInt().map(String),
    fc.constantFrom('1s', '0s', '127.0.0.1', '('),
  ),
}))

function nodeOf(child: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const type = fc.option(fc.constantFrom(...TYPES), { nil: undefined })
  const fields = fc.dictionary(fc.constantFrom(...NAMES), child, { maxKeys: 5 })
  return fc.tuple(type, fields).map(([name, rest]) => (name === undefined ? rest : { '@type': `x/${name}`, ...rest }))
}

function check(text: string): void {
  const { config, problems } = parseBootstrap(text, 'f')
  const errors = problems.filter((problem) => problem.severity === 'error')
  assert.equal(config === undefined, errors.length > 0)
  for (const problem of problems) assert.notEqual(problem.message, '')
}

test('any tree of known names is accepted or refused with a reason, and never throws', () => {
  fc.assert(
    fc.property(nodeOf(tree), (json) => check(JSON.stringify(json))),
    { numRuns: 500 },
  )
})

test('any text is accepted or refused with a reason, and never throws', () => {
  const piece = fc.constantFrom(
    ...NAMES,
    ': ',
    '\n',
    '  ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    ', ',
    '&a ',
    '*a',
    '"',
    "'",
    '|',
    '#',
    '\t',
    '<<: ',
    '!!str ',
  )
  const text = fc.oneof(
    fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(fc.property(text, check), { numRuns: 1000 })
})
