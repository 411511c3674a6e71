import { apiVersionOf, kindOf, type ObjectMeta } from '@meltemi/api'
import type { StoredResource } from './backend.ts'

/** A resource as the API hands it out, in the version that is asked for: as it was written, with its status. */
export function resourceToJson({ resource, status, origin }: StoredResource, version: string): unknown {
  const { apiVersion: _, kind, metadata, ...content } = resource
  return {
    apiVersion: apiVersionOf(kindOf(kind), version),
    kind,
    metadata: metadataToJson(metadata),
    ...content,
    status: { ...status, origin },
  }
}

/** Without what is empty. */
export function metadataToJson(metadata: ObjectMeta): Partial<ObjectMeta> {
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => !isEmpty(value)))
}

function isEmpty(value: string | Readonly<Record<string, string>>): boolean {
  return typeof value === 'string' ? value === '' : Object.keys(value).length === 0
}
