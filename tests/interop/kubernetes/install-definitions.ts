import { globSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../../scripts/workspace.ts'
import type { Kubernetes } from './start-kubernetes.ts'

/**
 * Our definitions of resources, and those of Istio: from a file that has them, else those that stand in for a mesh. Returns
 * when they can be used.
 */
export function installDefinitions({ kubectl }: Kubernetes, istio?: string): void {
  const glob = istio === undefined ? 'deploy/crds/**/*.yaml' : 'deploy/crds/*.yaml'
  const files = globSync(glob, { cwd: ROOT }).map((file) => join(ROOT, file))
  const all = istio === undefined ? files : [...files, istio]
  kubectl(['apply', '--server-side', ...all.flatMap((file) => ['-f', file])])
  kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
}
