import type { ResourceType } from '@meltemi/api/xds'
import { TYPES_IN_ORDER } from '../resource-kinds.ts'
import type { Snapshot, XdsResource } from '../xds-resource.ts'

/** Name → version. */
export type Versions = Readonly<Record<string, string>>
export type Contents = Readonly<Partial<Record<ResourceType, Versions>>>

/** A resource whose bytes tell what it is; no message of protobuf. */
export function testResource(type: ResourceType, name: string, version: string): XdsResource {
  return { type, name, version, value: Buffer.from(`${type} ${name} ${version}`) }
}

export function testSnapshot(version: string, contents: Contents): Snapshot {
  const entries = TYPES_IN_ORDER.map((type) => [type, testResources(type, contents[type] ?? {})])
  return { version, resources: Object.fromEntries(entries) }
}

function testResources(type: ResourceType, versions: Versions): ReadonlyMap<string, XdsResource> {
  return new Map(Object.entries(versions).map(([name, version]) => [name, testResource(type, name, version)]))
}

/** The inverse of `testResource`. */
export function readTestResource(value: Uint8Array): { readonly name: string; readonly version: string } {
  const [, name = '', version = ''] = Buffer.from(value).toString().split(' ')
  return { name, version }
}
