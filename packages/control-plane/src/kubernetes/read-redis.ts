import { compareAge } from '../store/precedence.ts'
import type { World } from '../store/world.ts'
import { RedisInputs, secretsOf } from '../translate/envoy-filters/redis-inputs.ts'
import type { Cluster } from './connect-cluster.ts'
import { readSecrets } from './secret-reader.ts'

/** What is said of Redis in a World, the oldest first, with the Secrets that it refers to. Rejects never. */
export async function readRedis(
  cluster: Cluster,
  { resources: all, services }: World,
  { refused, signal }: { readonly refused: ReadonlySet<string>; readonly signal: AbortSignal },
): Promise<RedisInputs> {
  const resources = [...all.values()]
    .filter((each) => each.kind === 'RedisService' || each.kind === 'RedisDestination')
    .sort(compareAge)
  return new RedisInputs({
    resources,
    services,
    secrets: await readSecrets(cluster, secretsOf(resources), signal),
    refused,
  })
}
