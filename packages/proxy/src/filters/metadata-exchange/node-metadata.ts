import type { NodeConfig } from '@meltemi/api/model'
import type { StructFields } from './struct-bytes.ts'

/** What proxies tell each other, in the reference's order: texts … */
const TEXTS = ['NAME', 'NAMESPACE', 'OWNER', 'WORKLOAD_NAME', 'ISTIO_VERSION', 'MESH_ID', 'CLUSTER_ID']
/** … structs of texts … */
const STRUCTS = ['LABELS', 'PLATFORM_METADATA']
/** … and lists with commas, which may also come as lists. */
const LISTS = ['APP_CONTAINERS', 'INSTANCE_IPS']

/** Those of `node.metadata` that are there, and are what they should be. */
export function sharedMetadata(metadata: NodeConfig['metadata']): StructFields {
  const fields = new Map<string, string | StructFields>()
  for (const key of [...TEXTS, ...LISTS]) {
    const value = metadata[key]
    if (typeof value === 'string') fields.set(key, value)
    else if (LISTS.includes(key) && Array.isArray(value)) fields.set(key, value.join(','))
  }
  for (const key of STRUCTS) {
    const value = metadata[key]
    if (typeof value === 'object' && value !== null) fields.set(key, textsOf(value))
  }
  return fields
}

function textsOf(value: object): StructFields {
  return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}
