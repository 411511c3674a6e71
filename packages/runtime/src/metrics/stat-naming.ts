/** A part of a stat's name that is a label for Prometheus. */
export interface NamePart {
  /** What is taken out of the name. */
  readonly start: number
  readonly end: number
  readonly label: string
  readonly value: string
}

/** How stats are named for Prometheus, where somebody wants it otherwise than Envoy's defaults have it. */
export interface StatNaming {
  /** In the name of a stat that has no labels of its own; each label once. */
  parts(statName: string): readonly NamePart[]
  /** Whether the default parts that become this label do. */
  usesDefault(label: string): boolean
  /** For every stat that has no labels of its own, and none of these otherwise. */
  readonly fixed: readonly (readonly [label: string, value: string])[]
}

/** Envoy's defaults. */
export const DEFAULT_NAMING: StatNaming = { parts: () => [], usesDefault: () => true, fixed: [] }

/** What is left of a text without these parts, which may overlap. */
export function withoutParts(text: string, parts: readonly Pick<NamePart, 'start' | 'end'>[], sign: string): string {
  let left = ''
  let at = 0
  for (const { start, end } of parts.toSorted((a, b) => a.start - b.start)) {
    if (start >= at) left += text.slice(at, start) + (end > start ? sign : '')
    at = Math.max(at, end)
  }
  return left + text.slice(at)
}
