import { KINDS, type KindDefinition } from '@meltemi/api'

/** What a path of Kubernetes' API names: all of a kind, those of a namespace, or one. */
export interface ApiPath {
  readonly kind: KindDefinition
  /** `v1`, `v1alpha1` …: the one that the client speaks. */
  readonly version: string
  /** Empty: every namespace, or a kind without namespaces. */
  readonly namespace: string
  /** Empty: all. */
  readonly name: string
}

/**
 *   /apis/<group>/<version>/<plural>[/<name>]
 *   /apis/<group>/<version>/namespaces/<namespace>/<plural>[/<name>]
 *
 * and `/api/<version>/…` for the group without a name. Undefined for other paths.
 */
export function tryParseApiPath(path: readonly string[]): ApiPath | undefined {
  const [root, ...rest] = path
  if (root !== 'api' && root !== 'apis') return undefined
  const group = root === 'api' ? '' : (rest.shift() ?? '')
  const version = rest.shift() ?? ''
  const isInNamespace = rest[0] === 'namespaces' && rest.length >= 3
  const namespace = isInNamespace ? (rest[1] ?? '') : ''
  const [plural, name = '', ...more] = isInNamespace ? rest.slice(2) : rest
  const kind = KINDS.find((one) => one.group === group && one.plural === plural && one.versions.includes(version))
  // An object in a namespace is named with it, one without namespaces without.
  const isWhole = kind !== undefined && more.length === 0 && (kind.isNamespaced || !isInNamespace)
  if (!isWhole || (kind.isNamespaced && name !== '' && namespace === '')) return undefined
  return { kind, version, namespace, name }
}
