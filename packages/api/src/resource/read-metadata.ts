import { describeSource, type SourceNode } from '../document/source-node.ts'
import type { ObjectMeta } from '../model/index.ts'
import { didYouMean } from '../schema/did-you-mean.ts'
import type { KindDefinition } from './kinds.ts'
import type { ResourceProblems } from './resource-problems.ts'
import { fieldOf } from './source-fields.ts'

const OWN_FIELDS = ['name', 'namespace', 'labels', 'annotations', 'resourceVersion', 'creationTimestamp']
/** What else Kubernetes puts there; nothing here depends on it. */
const OTHER_FIELDS = new Set([
  ...['uid', 'generation', 'generateName', 'selfLink', 'managedFields', 'ownerReferences', 'finalizers'],
  ...['deletionTimestamp', 'deletionGracePeriodSeconds', 'clusterName'],
])
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const DNS_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const MAX_NAME = 253

/** Reads `metadata` of a resource; with errors among the problems the result is of no use. */
export function readMetadata(source: SourceNode, kind: KindDefinition, problems: ResourceProblems): ObjectMeta {
  const metadata = fieldOf(source, 'metadata')
  if (metadata?.kind === 'map') reportUnknown(metadata.entries, problems)
  const reader = new MetadataReader(metadata, problems)
  return {
    name: reader.name(kind),
    namespace: reader.namespace(kind),
    labels: reader.strings('labels'),
    annotations: reader.strings('annotations'),
    resourceVersion: reader.text('resourceVersion'),
    creationTimestamp: reader.text('creationTimestamp'),
  }
}

function reportUnknown(entries: readonly { readonly key: string }[], problems: ResourceProblems): void {
  for (const { key } of entries) {
    if (OWN_FIELDS.includes(key) || OTHER_FIELDS.has(key)) continue
    const guess = didYouMean(key, OWN_FIELDS)
    const fix = guess === undefined ? undefined : `did you mean ${guess}?`
    problems.error({ code: 'bad-metadata', path: ['metadata', key], message: 'no such field', fix, isAboutKey: true })
  }
}

class MetadataReader {
  readonly #metadata: SourceNode | undefined
  readonly #problems: ResourceProblems

  constructor(metadata: SourceNode | undefined, problems: ResourceProblems) {
    this.#metadata = metadata
    this.#problems = problems
  }

  name(kind: KindDefinition): string {
    const name = this.text('name')
    if (kind.kind === 'Service' && name !== '' && !DNS_LABEL.test(name))
      this.#error('name', `expected lower-case letters, digits and hyphens, found ${JSON.stringify(name)}`)
    else if (name === '') this.#error('name', 'a resource needs a name')
    else if (name.length > MAX_NAME || !DNS_NAME.test(name))
      this.#error('name', `expected lower-case letters, digits, hyphens and dots, found ${JSON.stringify(name)}`)
    return name
  }

  namespace({ isNamespaced, kind }: KindDefinition): string {
    const namespace = this.text('namespace')
    if (!isNamespaced) {
      if (namespace !== '') this.#ignore(`${kind} has no namespace: it counts in all of them`)
      return ''
    }
    if (namespace !== '' && !DNS_LABEL.test(namespace))
      this.#error('namespace', `expected lower-case letters, digits and hyphens, found ${JSON.stringify(namespace)}`)
    return namespace === '' ? 'default' : namespace
  }

  /** Empty where there is none. */
  text(field: string): string {
    const node = fieldOf(this.#metadata, field)
    if (node === undefined || (node.kind === 'scalar' && node.value === null)) return ''
    if (node.kind === 'scalar' && typeof node.value === 'string') return node.value
    this.#error(field, `expected a string, found ${describeSource(node)}`)
    return ''
  }

  strings(field: string): Readonly<Record<string, string>> {
    const node = fieldOf(this.#metadata, field)
    if (node === undefined || (node.kind === 'scalar' && node.value === null)) return {}
    if (node.kind !== 'map') this.#error(field, `expected a mapping of strings, found ${describeSource(node)}`)
    const entries = node.kind === 'map' ? node.entries : []
    return Object.fromEntries(
      entries.map(({ key, value }) => {
        if (value.kind === 'scalar' && typeof value.value === 'string') return [key, value.value]
        this.#problems.error({
          code: 'bad-metadata',
          path: ['metadata', field, key],
          message: `expected a string, found ${describeSource(value)}`,
          fix: quoted(value),
        })
        return [key, '']
      }),
    )
  }

  #error(field: string, message: string): void {
    this.#problems.error({ code: 'bad-metadata', path: ['metadata', field], message })
  }

  #ignore(message: string): void {
    this.#problems.note({ code: 'ignored-namespace', path: ['metadata', 'namespace'], message, fix: 'leave it out' })
  }
}

function quoted(node: SourceNode): string | undefined {
  if (node.kind !== 'scalar' || node.value === null) return undefined
  return `write it in quotes: ${JSON.stringify(String(node.value))}`
}
