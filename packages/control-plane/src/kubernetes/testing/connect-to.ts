import { type Cluster, connectCluster } from '../connect-cluster.ts'

/** An API server without TLS, which a test plays. */
export async function connectTo(url: string): Promise<Cluster> {
  const cluster = await connectCluster()
  cluster.config.loadFromOptions({
    clusters: [{ name: 'a', server: url, skipTLSVerify: true }],
    users: [{ name: 'a' }],
    contexts: [{ name: 'a', cluster: 'a', user: 'a' }],
    currentContext: 'a',
  })
  return cluster
}
