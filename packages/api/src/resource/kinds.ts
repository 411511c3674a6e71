import { definitions } from '../gen/resources/definitions.ts'
import type { ResourceKind } from './resource.ts'

/** What a kind is called, in files, in paths of the API and on the command line. */
export interface KindDefinition {
  readonly kind: ResourceKind
  /** Empty: Kubernetes' core. */
  readonly group: string
  /** That are understood, in any of which the same may be written; the last one is that of answers. */
  readonly versions: readonly string[]
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  /** Otherwise there is one for the whole cluster, and it has no namespace. */
  readonly isNamespaced: boolean
  readonly columns: readonly PrinterColumn[]
}

/** A column of a table of resources, as a CustomResourceDefinition has it. */
export interface PrinterColumn {
  readonly name: string
  readonly type: string
  /** May be empty. */
  readonly description: string
  /** A simple JSONPath, such as `.spec.hosts`. */
  readonly jsonPath: string
  /** Above 0: in wide tables only. */
  readonly priority: number
}

export const KINDS: readonly KindDefinition[] = definitions

const BY_KIND: ReadonlyMap<string, KindDefinition> = new Map(KINDS.map((each) => [each.kind, each]))

export function kindOf(kind: ResourceKind): KindDefinition {
  return BY_KIND.get(kind) as KindDefinition // KINDS has them all
}

/** By its kind, plural, singular or short name, without regard to case, as `kubectl get` takes it. */
export function findKind(name: string): KindDefinition | undefined {
  const wanted = name.toLowerCase()
  return KINDS.find(({ kind, plural, singular, shortNames }) =>
    [kind.toLowerCase(), plural, singular, ...shortNames].includes(wanted),
  )
}

/** `v1` or `metaprotocol.aeraki.io/v1alpha1`. */
export function apiVersionOf({ group }: Pick<KindDefinition, 'group'>, version: string): string {
  return group === '' ? version : `${group}/${version}`
}
