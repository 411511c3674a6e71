/** Rules of every kind, and requests that meet them. */

import type { RateLimitAsk } from '../../harness/index.ts'

export const RULES: Readonly<Record<string, string>> = {
  'shop.yaml': `
domain: shop
descriptors:
  - key: path
    value: /pay
    rate_limit: {unit: minute, requests_per_unit: 7, name: pay}
  - key: path
    rate_limit: {unit: hour, requests_per_unit: 20}
  - key: path
    value: /free
  - key: tier
    value: gold
    descriptors:
      - key: user
        rate_limit: {unit: day, requests_per_unit: 9}
      - key: user
        value: vip
        rate_limit: {unit: week, requests_per_unit: 30}
      - key: user
        value: root
        rate_limit: {unlimited: true}
  - key: tier
    rate_limit: {unit: MONTH, requests_per_unit: 25}
    descriptors:
      - key: region
        value: eu
        descriptors:
          - key: user
            detailed_metric: true
            rate_limit: {unit: year, requests_per_unit: 12}
  - key: banned
    rate_limit: {unit: minute, requests_per_unit: 0}
  - key: trial
    rate_limit: {unit: hour, requests_per_unit: 4}
    shadow_mode: true
  - key: exact
    value: pay
    rate_limit:
      unit: minute
      requests_per_unit: 40
      replaces: [{name: pay}]
  - key: open
    rate_limit:
      unlimited: true
      replaces: [{name: pay}]
`,
  'files.yml': `
domain: files
descriptors:
  - key: file
    value: img/*
    rate_limit: {unit: hour, requests_per_unit: 5}
  - key: file
    value: doc/*
    share_threshold: true
    rate_limit: {unit: hour, requests_per_unit: 11}
  - key: file
    value: doc/secret/*
    rate_limit: {unit: hour, requests_per_unit: 1}
  - key: file
    value: img/logo
    rate_limit: {unit: day, requests_per_unit: 6}
  - key: method
    value_to_metric: true
    rate_limit: {unit: minute, requests_per_unit: 8}
  - key: method
    value: GET
    value_to_metric: true
    descriptors:
      - key: file
        value: big*
        value_to_metric: true
        rate_limit: {unit: day, requests_per_unit: 10}
      - key: file
        value: shared*
        share_threshold: true
        detailed_metric: true
        rate_limit: {unit: day, requests_per_unit: 10}
`,
  'seconds.yaml': `
domain: seconds
descriptors:
  - key: user
    rate_limit: {unit: second, requests_per_unit: 4}
  - key: user
    value: slow
    rate_limit: {unit: second, requests_per_unit: 1}
`,
}

const DESCRIPTORS: Readonly<Record<string, readonly string[]>> = {
  shop: [
    ...['path=/pay', 'path=/pay', 'path=/cart', 'path=/free', 'path=', 'tier=gold', 'tier=silver'],
    ...['tier=gold,user=ann', 'tier=gold,user=ben', 'tier=gold,user=vip', 'tier=gold,user=root'],
    ...['tier=silver,region=eu,user=ann', 'tier=silver,region=eu,user=ben', 'tier=silver,region=us,user=ann'],
    ...['banned=1.2.3.4', 'trial=x', 'trial=x', 'exact=pay', 'open=1', 'other=1', 'path=/pay,user=ann'],
  ],
  files: [
    ...['file=img/a', 'file=img/b', 'file=img/logo', 'file=img/*', 'file=doc/a', 'file=doc/b', 'file=doc/secret/c'],
    ...['file=else', 'method=GET', 'method=PUT', 'method=GET,file=big1', 'method=GET,file=big2'],
    ...['method=GET,file=shared1', 'method=GET,file=shared2', 'method=PUT,file=big1'],
  ],
  nobody: ['path=/pay', 'x=1'],
}
const DOMAINS = ['shop', 'shop', 'shop', 'files', 'files', 'nobody']
const HITS = [0, 0, 0, 1, 1, 2, 5]
const OWN_HITS = [undefined, undefined, undefined, undefined, 0n, 1n, 3n]
/** Of a limit that the request brings along, one in eight. */
const UNITS = [2, 3, 4, 5, 6, 7]

/** The same requests for one seed. */
export function requestsOf(seed: number, count: number): readonly RateLimitAsk[] {
  const random = randomOf(seed)
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item
  return Array.from({ length: count }, () => {
    const domain = pick(DOMAINS)
    const descriptors = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
      const hitsAddend = pick(OWN_HITS)
      const entries = entriesOf(pick(DESCRIPTORS[domain] ?? []))
      return {
        entries,
        ...(hitsAddend !== undefined && { hitsAddend }),
        ...(random() < 1 / 8 && broughtAlong(entries, Math.floor(random() * 6))),
      }
    })
    return { domain, descriptors, hitsAddend: pick(HITS) }
  })
}

/**
 * On values of its own, and always of one unit: the reference has no unit in the keys of its counters, so that in the
 * first minute of an hour limits per minute and per hour on the same values count together.
 */
function broughtAlong(entries: { key: string; value: string }[], requestsPerUnit: number) {
  const last = entries.at(-1) as { key: string; value: string }
  last.value += '-own'
  const unit = UNITS[last.value.length % UNITS.length] as 2
  return { limit: { requestsPerUnit, unit } }
}

export function entriesOf(text: string): { key: string; value: string }[] {
  return text.split(',').map((pair) => {
    const [key = '', value = ''] = pair.split('=')
    return { key, value }
  })
}

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
