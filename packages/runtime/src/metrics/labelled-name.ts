/**
 * A stat that exists once for each combination of labels has them in its name, as Prometheus writes them:
 * `meltemi.requests_total{service="a",version="v1"}`. So registries, filters and pages know nothing of labels.
 */

/** By key; keys are lower-case letters and underscores, values any text. */
export type Labels = Readonly<Record<string, string>>

const LABEL = String.raw`[a-z_]+="(?:[^"\\\n]|\\["\\n])*"`
const LABELLED = new RegExp(`^([^{}]+)\\{(${LABEL}(?:,${LABEL})*)\\}$`)
const EACH_LABEL = /([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"/g

/** The name of a stat with these labels, in their order. */
export function labelledName(name: string, labels: Labels): string {
  const texts = Object.entries(labels).map(([key, value]) => `${key}="${escapeLabelValue(value)}"`)
  return `${name}{${texts.join(',')}}`
}

/** The two parts of such a name, the labels as they stand there; undefined for all other names. */
export function splitLabels(statName: string): { readonly name: string; readonly labels: string } | undefined {
  if (!statName.endsWith('}')) return undefined
  const [, name, labels] = LABELLED.exec(statName) ?? []
  return name === undefined || labels === undefined ? undefined : { name, labels }
}

/** The values of the labels in such a name; undefined for all other names. */
export function readLabels(
  statName: string,
): { readonly name: string; readonly labels: ReadonlyMap<string, string> } | undefined {
  const parts = splitLabels(statName)
  if (parts === undefined) return undefined
  const labels = [...parts.labels.matchAll(EACH_LABEL)].map(
    ([, key = '', value = '']) => [key, unescape(value)] as const,
  )
  return { name: parts.name, labels: new Map(labels) }
}

export function escapeLabelValue(value: string): string {
  return value.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function unescape(value: string): string {
  return value.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter))
}
