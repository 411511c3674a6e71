import type { StructFields } from './struct-bytes.ts'

/** What metrics say of one side of a request, by label without the side. */
export interface Workload {
  readonly workload: string
  readonly workload_namespace: string
  readonly cluster: string
  readonly app: string
  readonly version: string
  readonly canonical_service: string
  readonly canonical_revision: string
}

export const UNKNOWN = 'unknown'
const LATEST = 'latest'
const CANONICAL_NAME = 'service.istio.io/canonical-name'
const CANONICAL_REVISION = 'service.istio.io/canonical-revision'

/** What `node.metadata` of a proxy says of whom it stands beside; what it does not say is `unknown`, or `latest`. */
export function workloadOf(metadata: StructFields): Workload {
  const labels = metadata.get('LABELS')
  const label = (key: string) => (typeof labels === 'object' ? textOf(labels.get(key)) : '')
  const workload = textOf(metadata.get('WORKLOAD_NAME'))
  return {
    workload: workload || UNKNOWN,
    workload_namespace: textOf(metadata.get('NAMESPACE')) || UNKNOWN,
    cluster: textOf(metadata.get('CLUSTER_ID')) || UNKNOWN,
    app: label('app') || UNKNOWN,
    version: label('version') || UNKNOWN,
    canonical_service: label(CANONICAL_NAME) || workload || UNKNOWN,
    canonical_revision: label(CANONICAL_REVISION) || LATEST,
  }
}

export const UNKNOWN_WORKLOAD: Workload = workloadOf(new Map())

function textOf(value: string | StructFields | undefined): string {
  return typeof value === 'string' ? value : ''
}
