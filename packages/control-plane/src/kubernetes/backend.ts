import type { Backend, ResourceWrite, WriteOutcome } from '../admin/backend.ts'
import { PipelineView } from '../pipeline-view.ts'

const REASON = "resources are kept by Kubernetes' API server: change them there, with kubectl for example"

/** What the API sees of a control plane whose resources are those of a cluster: it shows them, and changes none. */
export class KubernetesBackend extends PipelineView implements Backend {
  write(_write: ResourceWrite): Promise<WriteOutcome> {
    return Promise.resolve({ kind: 'unwritable', reason: REASON })
  }
}
