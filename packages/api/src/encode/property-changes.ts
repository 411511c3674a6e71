import type { PropertyChange } from '../model/index.ts'

/** Those that set a value. */
export function additions(changes: readonly PropertyChange[]): { key: string; value: string }[] {
  return changes.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]))
}

/** The keys of those that take a property away. */
export function removals(changes: readonly PropertyChange[]): string[] {
  return changes.flatMap(({ key, value }) => (value === undefined ? [key] : []))
}
