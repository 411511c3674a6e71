import { type KindDefinition, kindOf, type Resource } from '@meltemi/api/resource'

/** What a request is about. */
export interface ApiTarget {
  readonly kind: KindDefinition
  /** Default: the preferred one. */
  readonly version?: string
  /** Empty: all of them. */
  readonly namespace: string
  /** Default: all. */
  readonly name?: string
}

/** The path of one resource or of a list, as Kubernetes has it. */
export function apiPath(target: ApiTarget, query: Readonly<Record<string, string>> = {}): string {
  const { kind, version = kind.versions.at(-1) ?? '', namespace, name } = target
  const steps = kind.group === '' ? ['api', version] : ['apis', kind.group, version]
  if (kind.isNamespaced && namespace !== '') steps.push('namespaces', namespace)
  steps.push(kind.plural)
  if (name !== undefined) steps.push(name)
  const search = new URLSearchParams(query).toString()
  return `/${steps.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`
}

/** The version is the one that the resource is written in. */
export function targetOf(resource: Resource): ApiTarget & { readonly name: string } {
  const { apiVersion, metadata } = resource
  return {
    kind: kindOf(resource.kind),
    version: apiVersion.slice(apiVersion.indexOf('/') + 1),
    namespace: metadata.namespace,
    name: metadata.name,
  }
}

/** `metarouter.metaprotocol.aeraki.io`; `service` of the group without a name. */
export function kindName({ singular, group }: KindDefinition): string {
  return group === '' ? singular : `${singular}.${group}`
}
