/** Permissions and principals of Envoy's RBAC as JSON. Both are put together the same way, under other names. */
export type Json = Readonly<Record<string, unknown>>

export interface Words {
  all(conditions: readonly Json[]): Json
  any(conditions: readonly Json[]): Json
  not(condition: Json): Json
}

const EVERYTHING: Json = { any: true }

export const permissions: Words = wordsOf('andRules', 'orRules', 'notRule', 'rules')
export const principals: Words = wordsOf('andIds', 'orIds', 'notId', 'ids')

function wordsOf(and: string, or: string, not: string, list: string): Words {
  const join = (name: string, conditions: readonly Json[]): Json =>
    conditions.length === 1 ? (conditions[0] as Json) : { [name]: { [list]: conditions } }
  return {
    all: (conditions) => (conditions.length === 0 ? EVERYTHING : join(and, conditions)),
    // nothing that could fit: what asks for one of no values has been refused
    any: (conditions) => (conditions.length === 0 ? { [not]: EVERYTHING } : join(or, conditions)),
    not: (condition) => ({ [not]: condition }),
  }
}

/** One of the values, and none of the others: as far as there are any. */
export function listed(
  words: Words,
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
  condition: (value: string) => Json,
): readonly Json[] {
  return [
    ...(values === undefined ? [] : [words.any(values.map(condition))]),
    ...(notValues === undefined ? [] : [words.not(words.any(notValues.map(condition)))]),
  ]
}
