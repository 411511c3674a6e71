/**
 * The part of JSONPath that columns of CustomResourceDefinitions use: `.spec.hosts`, `.spec.hosts[0]`,
 * `.status.conditions[?(@.type=="Accepted")].status`.
 */

type Step = (value: unknown) => unknown

const STEPS = /\.([A-Za-z0-9_-]+)|\['([^']+)'\]|\[(\d+)\]|\[\?\(@\.([A-Za-z0-9_-]+)\s*==\s*["']([^"']*)["']\)\]/y

/** A function that finds what the path leads to, undefined where it leads nowhere. Throws when it cannot be read. */
export function compileJsonPath(path: string): (value: unknown) => unknown {
  const steps: Step[] = []
  STEPS.lastIndex = 0
  while (STEPS.lastIndex < path.length) {
    const [, name, quoted, index, field, wanted] = STEPS.exec(path) ?? []
    if (name !== undefined || quoted !== undefined) steps.push((value) => property(value, name ?? quoted ?? ''))
    else if (index !== undefined) steps.push((value) => (Array.isArray(value) ? value[Number(index)] : undefined))
    else if (field !== undefined) steps.push((value) => firstWith(value, field, wanted ?? ''))
    else throw new Error(`the JSONPath ${path} cannot be read`)
  }
  return (value) => steps.reduce((found, step) => step(found), value)
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string, unknown>)[name]
}

function firstWith(value: unknown, field: string, wanted: string): unknown {
  return Array.isArray(value) ? value.find((item) => property(item, field) === wanted) : undefined
}
