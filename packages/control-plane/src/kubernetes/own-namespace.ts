import { readFileSync } from 'node:fs'
import type { Cluster } from './connect-cluster.ts'

const OF_POD = '/var/run/secrets/kubernetes.io/serviceaccount/namespace'

/** That of the pod, else of the kubeconfig's context, else `default`. */
export function ownNamespace({ config }: Cluster): string {
  const { namespace } = config.getContextObject(config.getCurrentContext()) ?? {}
  return namespace ?? podNamespace() ?? 'default'
}

function podNamespace(): string | undefined {
  try {
    return readFileSync(OF_POD, 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}
