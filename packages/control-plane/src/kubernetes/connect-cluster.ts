import type { KubeConfig, KubernetesObjectApi } from '@kubernetes/client-node'

type Library = typeof import('@kubernetes/client-node')

/** A Kubernetes API server, and who asks it. */
export interface Cluster {
  readonly library: Library
  readonly config: KubeConfig
  /** For objects of every kind. */
  readonly objects: KubernetesObjectApi
}

/**
 * As kubectl finds it: the file, else $KUBECONFIG, else ~/.kube/config, else that of the pod. Throws when a file cannot be
 * read. The library is loaded here and nowhere else, for it takes 90 MB that whoever has no cluster should not pay.
 */
export async function connectCluster(kubeconfig?: string): Promise<Cluster> {
  const library = await import('@kubernetes/client-node')
  const config = new library.KubeConfig()
  if (kubeconfig === undefined) config.loadFromDefault()
  else config.loadFromFile(kubeconfig)
  return { library, config, objects: library.KubernetesObjectApi.makeApiClient(config) }
}
