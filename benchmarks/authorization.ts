/**
 * What a decision about one request costs: `node --conditions=meltemi-source benchmarks/authorization.ts`. The request fits
 * none of the rules, or only the last, so all of them are looked at.
 */

import type { AuthorizationConfig, RbacCondition } from '@meltemi/api'
import { authorization } from '@meltemi/proxy/filters'
import { FilterStatus, Metadata } from '@meltemi/sdk'

const RUNS = 7
const DECISIONS = 1_000_000
const RULES = 10
const PAIRS = 8

const CONNECTION = {
  remoteAddress: '10.1.2.3',
  directRemoteAddress: '10.1.2.3',
  localAddress: '10.0.0.1',
  localPort: 9000,
  properties: new Map([
    ['tls.mtls', 'true'],
    ['tls.uri_sans', 'spiffe://cluster.local/ns/shop/sa/web'],
  ]),
}

const text = (value: string) => ({ kind: 'exact', text: value, ignoreCase: false }) as const
const property = (name: string, value: string): RbacCondition => ({
  kind: 'property',
  matcher: { name, test: text(value), invert: false, treatMissingAsEmpty: false },
})
const range = (prefix: string, bits: number): RbacCondition => ({ kind: 'address', of: 'direct', prefix, bits })
const isNot = (condition: RbacCondition): RbacCondition => ({ kind: 'not', condition })

/** What the rules ask, by number; of the first two kinds only the last part does not fit. */
const KINDS: readonly (readonly [string, (n: number) => readonly RbacCondition[]])[] = [
  ['a property', (n) => [property('method', `other${n}`)]],
  ['address and property', (n) => [range('10.0.0.0', 8), property('method', `other${n}`)]],
  [
    'identity, address, not, property',
    (n) => [
      { kind: 'identity', match: { kind: 'prefix', text: 'spiffe://cluster.local/ns/', ignoreCase: false } },
      range('10.0.0.0', 8),
      isNot(property('user', 'eve')),
      property('method', `other${n}`),
    ],
  ],
]

function rulesOf(conditions: (n: number) => readonly RbacCondition[]): AuthorizationConfig {
  const policies = Array.from({ length: RULES }, (_, n) => ({
    name: `rule${n}`,
    condition: { kind: 'and' as const, conditions: conditions(n) },
  }))
  return {
    kind: 'authorization',
    statPrefix: '',
    rules: { action: 'deny', policies },
    rulesStatPrefix: '',
    shadowRules: undefined,
    shadowStatPrefix: '',
    tracksEachPolicy: false,
  }
}

function requestOf(): Metadata {
  const request = new Metadata()
  for (let n = 0; n < PAIRS - 2; n++) request.set(`x-key-${n}`, 'value')
  request.set('user', 'alice')
  request.set('method', 'read')
  return request
}

/** Nanoseconds for each decision, of the fastest run. */
function measure(config: AuthorizationConfig): number {
  const host = { counter: () => ({ add: () => {} }) }
  const filter = authorization.create(config, host as never)
  const context = { request: requestOf(), connection: CONNECTION } as never
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < RUNS; run++) {
    const startMs = performance.now()
    for (let n = 0; n < DECISIONS; n++)
      if (filter.onRequest?.(context) !== FilterStatus.Continue) throw new Error('it should have passed')
    best = Math.min(best, ((performance.now() - startMs) * 1e6) / DECISIONS)
  }
  return best
}

for (const [name, conditions] of KINDS)
  console.log(`${RULES} rules, each ${name}: ${measure(rulesOf(conditions)).toFixed(0)} ns`)
