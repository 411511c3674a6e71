import type { Secrets, SecretValues } from '../translate/envoy-filters/redis-inputs.ts'
import { ApiError, callApi } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'

interface Secret {
  readonly data?: Readonly<Record<string, string>>
}

/** As many are waited for. */
const AT_ONCE = 8
const TIMEOUT_MS = 5_000
/** For all of them: who is not read by then counts as not there, and his filters stay. */
const WHOLE_MS = 15_000
const FORBIDDEN = 403
const NOT_FOUND = 404

/** Secrets of these names, `<namespace>/<name>`, as they are now: nothing of them is kept. Rejects never. */
export async function readSecrets(cluster: Cluster, names: readonly string[], stopping: AbortSignal): Promise<Secrets> {
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(WHOLE_MS)])
  const found = new Map<string, SecretValues>()
  for (let at = 0; at < names.length && !signal.aborted; at += AT_ONCE)
    await Promise.all(
      names.slice(at, at + AT_ONCE).map(async (name) => found.set(name, await readSecret(cluster, name, signal))),
    )
  return found
}

async function readSecret(cluster: Cluster, name: string, signal: AbortSignal): Promise<SecretValues> {
  const path = `/api/v1/namespaces/${name.replace('/', '/secrets/')}`
  try {
    const { data } = await callApi<Secret>(cluster, path, { signal, timeoutMs: TIMEOUT_MS })
    return new Map(Object.entries(data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]))
  } catch (error: unknown) {
    return { fault: faultOf(error) }
  }
}

/** Never in the words of what came: those of a Secret are for nobody. */
function faultOf(error: unknown): string {
  if (!(error instanceof ApiError)) return 'cannot be read: the API server does not answer'
  if (error.statusCode === NOT_FOUND) return 'is not there'
  if (error.statusCode === FORBIDDEN) return 'may not be read: the account has no permission for it'
  return `cannot be read: the API server answers ${error.statusCode}`
}
