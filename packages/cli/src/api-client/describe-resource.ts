/** A resource as `kubectl describe` lays out those of its users: names of fields as words, values in a column. */

export interface DescribedResource {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly [field: string]: unknown
  }
  readonly status?: unknown
  readonly [field: string]: unknown
}

const INDENT = '  '

export function describeResourceText(resource: DescribedResource): string {
  const { apiVersion, kind, metadata, status, ...content } = resource
  const { name, namespace = '', labels = {}, annotations = {}, ...more } = metadata
  return [
    ...fields({ name, namespace }, ''),
    ...stringMap('Labels', labels),
    ...stringMap('Annotations', annotations),
    ...fields({ apiVersion, kind, metadata: more, ...content, status }, ''),
  ].join('')
}

/** Like `Labels:  app=a`, each further one below the first. */
function stringMap(title: string, map: Readonly<Record<string, string>>): readonly string[] {
  const lines = Object.entries(map).map(([key, value]) => `${key}=${plain(value)}`)
  const head = `${title}:`.padEnd(14)
  return [`${head}${lines[0] ?? '<none>'}\n`, ...lines.slice(1).map((line) => `${' '.repeat(14)}${line}\n`)]
}

function fields(object: Readonly<Record<string, unknown>>, indent: string): readonly string[] {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined)
  const width = Math.max(12, ...entries.filter(([, value]) => isScalar(value)).map(([key]) => titleOf(key).length + 1))
  return entries.flatMap(([key, value]) => {
    const title = `${titleOf(key)}:`
    if (Array.isArray(value) && value.length === 0) return [`${indent}${title.padEnd(width)}  <none>\n`]
    if (isScalar(value)) return [`${indent}${title.padEnd(width)}  ${plain(value)}\n`.replace(/ +\n$/, '\n')]
    if (Array.isArray(value)) return [`${indent}${title}\n`, ...items(value, indent + INDENT)]
    return [`${indent}${title}\n`, ...fields(value as Record<string, unknown>, indent + INDENT)]
  })
}

/** Items that have fields are told apart by a line with a dash. */
function items(list: readonly unknown[], indent: string): readonly string[] {
  return list.flatMap((item) => {
    if (isScalar(item)) return [`${indent}${plain(item)}\n`]
    if (Array.isArray(item)) return items(item, indent + INDENT)
    const [first = '', ...others] = fields(item as Record<string, unknown>, indent + INDENT)
    return [first.replace(indent + INDENT, `${indent}- `), ...others]
  })
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}

/** `fillInterval` → `Fill Interval`, `example.com/a` as it is. */
function titleOf(key: string): string {
  if (!/^[a-zA-Z]+$/.test(key)) return key
  const words = key.replaceAll(/([a-z])([A-Z])/g, '$1 $2')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function plain(value: unknown): string {
  return String(value ?? '<none>').replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}
