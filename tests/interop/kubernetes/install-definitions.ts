import { globSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../../scripts/workspace.ts'
import type { Kubernetes } from './start-kubernetes.ts'

/** Our definitions of resources, and those of Istio's that stand in for a mesh. Returns when they can be used. */
export function installDefinitions({ kubectl }: Kubernetes): void {
  const files = globSync('deploy/crds/**/*.yaml', { cwd: ROOT }).flatMap((file) => ['-f', join(ROOT, file)])
  kubectl(['apply', '--server-side', ...files])
  kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
  // established, and still it may answer that their storage is not there yet, which kubectl asks again after
  const names = kubectl(['get', 'crd', '-o', 'jsonpath={.items[*].metadata.name}'])
  kubectl(['get', names.split(' ').join(','), '--all-namespaces'])
}
