import type { Json } from './condition-json.ts'

const SPECIAL = /[\\^$.*+?()[\]{}|]/g

/**
 * A StringMatcher for a value as Istio has it: whole, `begin*`, `*end`, or `*` for any that is not empty. `prefix` stands
 * before it.
 */
export function valueMatch(value: string, prefix = ''): Json {
  if (value === '*') return regex('.+')
  if (value.startsWith('*')) {
    const end = value.slice(1)
    return prefix === '' ? { suffix: end } : regex(`${quote(prefix)}.*${quote(end)}`)
  }
  if (value.endsWith('*')) return { prefix: prefix + value.slice(0, -1) }
  return { exact: prefix + value }
}

/** A StringMatcher for the SPIFFE id of any workload in a namespace, in which `*` stands for any characters. */
export function namespaceMatch(namespace: string): Json {
  return regex(`.*/ns/${namespace.split('*').map(quote).join('.*')}/.*`)
}

export function regex(pattern: string): Json {
  return { safeRegex: { googleRe2: {}, regex: pattern } }
}

function quote(text: string): string {
  return text.replace(SPECIAL, '\\$&')
}
