import {
  apiVersionOf,
  describeResource,
  type KindDefinition,
  type PlacedResource,
  type Resource,
  withoutPlace,
} from '@meltemi/api'
import { knownFields } from './known-fields.ts'

/** An object as the API server has it, of any kind. */
export interface ApiObject {
  readonly metadata: {
    readonly name: string
    /** Of this object, and of none of the same name before it or after it. */
    readonly uid?: string
    /** Grows with each change of what is wanted. */
    readonly generation?: number
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly resourceVersion?: string
    readonly creationTimestamp?: string
  }
}

/** Objects in lists do not say of which kind they are. What `status` says is nobody's wish, and left out. */
export function toResource(kind: KindDefinition, version: string, object: ApiObject): PlacedResource {
  const { metadata, ...rest } = object
  const { status: _, ...words } = rest as Readonly<Record<string, unknown>>
  const { name, uid, generation, namespace = '', labels = {}, annotations = {}, creationTimestamp = '' } = metadata
  const resource = {
    ...knownFields(kind.kind, words),
    apiVersion: apiVersionOf(kind, version),
    kind: kind.kind,
    metadata: { name, uid, generation, namespace, labels, annotations, resourceVersion: '', creationTimestamp },
  }
  const placed = withoutPlace(resource as unknown as Resource) // what `spec` holds is validated later
  // what is said of it should say of what
  return { ...placed, file: describeResource(placed.resource) }
}

/** How pods are named among themselves. */
export function podKey(namespace: string, name: string): string {
  return `${namespace}/${name}`
}
