import type { Clock, Logger } from '@meltemi/runtime'
import { MANAGER_LABELS } from '../translate/envoy-filters/envoy-filter.ts'
import type { ApiObject } from './api-object.ts'
import type { Cluster } from './connect-cluster.ts'
import { GATEWAYS_PATH } from './gateway-writer.ts'
import { KindWatch } from './kind-watch.ts'
import { VIRTUAL_SERVICES_PATH } from './virtual-service-reader.ts'

export interface MeshWatchOptions {
  readonly cluster: Cluster
  readonly logger: Logger
  readonly clock: Clock
  readonly onChange: () => void
}

/** Tells that a Gateway or VirtualService of somebody has changed since they were first listed, until it is aborted; rejects never. */
export async function watchMesh(options: MeshWatchOptions, signal: AbortSignal): Promise<void> {
  await Promise.all([GATEWAYS_PATH, VIRTUAL_SERVICES_PATH].map((path) => watchKind(path, options, signal)))
}

function watchKind(path: string, options: MeshWatchOptions, signal: AbortSignal): Promise<void> {
  let isFirst = true
  const onList = () => {
    if (!isFirst) options.onChange()
    isFirst = false
  }
  const onChange = (object: ApiObject) => {
    if (!isOfMesh(object)) options.onChange()
  }
  const sink = { onList, onChange, onDelete: onChange }
  return new KindWatch({ ...options, paths: [path], isMetadataOnly: true, sink }).run(signal)
}

/** Of those that are written here, the round that writes them knows. */
function isOfMesh({ metadata: { labels = {} } }: ApiObject): boolean {
  return Object.entries(MANAGER_LABELS).every(([label, value]) => labels[label] === value)
}
