import { RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'

/** In the order in which they are sent. */
export const TYPES_IN_ORDER = Object.keys(RESOURCE_TYPES) as readonly ResourceType[]

const BY_URL: ReadonlyMap<string, ResourceType> = new Map(TYPES_IN_ORDER.map((type) => [RESOURCE_TYPES[type], type]))

export function tryResourceType(typeUrl: string): ResourceType | undefined {
  return BY_URL.get(typeUrl)
}

/** Of these a client may want everything without saying so, and a full state leaves out what is removed. */
export function hasEverything(type: ResourceType): boolean {
  return type === 'listener' || type === 'cluster'
}
