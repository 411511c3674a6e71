import { parse } from 'yaml'
import type { MeshAccessLog, MeshSettings } from '../translate/envoy-filters/mesh-settings.ts'
import { ApiError, callApi } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'

const NAME = 'istio'
const NOT_FOUND = 404
/** Without anything said of tracing, one in a hundred. */
const DEFAULT_SAMPLING = 1
const DEFAULT_TRUST_DOMAIN = 'cluster.local'
const TEXT_FORMAT =
  '[%START_TIME%] %REQ(X-META-PROTOCOL-APPLICATION-PROTOCOL)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% ' +
  '%CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION%  ' +
  '"%REQ(X-FORWARDED-FOR)%" "%REQ(X-REQUEST-ID)%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %ROUTE_NAME%\n'
const JSON_FORMAT: Readonly<Record<string, string>> = {
  ...operators([
    'start_time',
    'route_name',
    'response_code',
    'response_code_details',
    'connection_termination_details',
  ]),
  ...operators(['bytes_received', 'bytes_sent', 'duration', 'upstream_cluster', 'upstream_local_address']),
  ...operators(['downstream_local_address', 'downstream_remote_address', 'upstream_transport_failure_reason']),
  application_protocol: '%REQ(X-META-PROTOCOL-APPLICATION-PROTOCOL)%',
  request_id: '%REQ(X-REQUEST-ID)%',
}

/** Fields of Istio's MeshConfig. */
interface MeshConfig {
  readonly accessLogFile?: unknown
  readonly accessLogFormat?: unknown
  readonly accessLogEncoding?: unknown
  readonly enableTracing?: unknown
  readonly trustDomain?: unknown
  readonly trustDomainAliases?: unknown
  readonly defaultConfig?: { readonly tracing?: { readonly sampling?: unknown } | null } | null
}

/** Of the ConfigMap `istio` of a namespace, key `mesh`. Throws for what is no YAML. */
export function parseMeshSettings(text: string): MeshSettings {
  const config = (parse(text) ?? {}) as MeshConfig // of whatever shape: each field is looked at
  return { accessLog: accessLogOf(config), randomSampling: samplingOf(config), ...trustDomainsOf(config) }
}

/** Nothing where nothing is said. */
function trustDomainsOf({ trustDomain, trustDomainAliases }: MeshConfig): Pick<MeshSettings, 'trustDomains'> {
  const own = typeof trustDomain === 'string' && trustDomain !== '' ? trustDomain : DEFAULT_TRUST_DOMAIN
  const others: readonly unknown[] = Array.isArray(trustDomainAliases) ? trustDomainAliases : []
  const all = new Set([own, ...others.filter((each) => typeof each === 'string' && each !== '')])
  return all.size === 1 && own === DEFAULT_TRUST_DOMAIN ? {} : { trustDomains: [...all] as readonly string[] }
}

function samplingOf({ enableTracing, defaultConfig }: MeshConfig): number | undefined {
  if (enableTracing !== true) return undefined
  const { tracing } = defaultConfig ?? {}
  if (tracing === undefined || tracing === null) return DEFAULT_SAMPLING
  return typeof tracing.sampling === 'number' ? tracing.sampling : 0
}

function accessLogOf({ accessLogFile, accessLogFormat, accessLogEncoding }: MeshConfig): MeshAccessLog | undefined {
  if (typeof accessLogFile !== 'string' || accessLogFile === '') return undefined
  const written = typeof accessLogFormat === 'string' && accessLogFormat !== '' ? accessLogFormat : undefined
  if (accessLogEncoding !== 'JSON')
    return { path: accessLogFile, format: { kind: 'text', text: written ?? TEXT_FORMAT } }
  return { path: accessLogFile, format: { kind: 'json', json: tryObject(written ?? '') ?? JSON_FORMAT } }
}

function tryObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined // as if nothing was said
  }
}

/** Keys that are called like what they show. */
function operators(names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, `%${name.toUpperCase()}%`]))
}

/** Asks for the settings of the mesh, each time. */
export class MeshSettingsReader {
  readonly #cluster: Cluster
  readonly #path: string

  constructor(cluster: Cluster, namespace: string) {
    this.#cluster = cluster
    this.#path = `/api/v1/namespaces/${namespace}/configmaps/${NAME}`
  }

  /** Without a ConfigMap nothing is logged and nothing is traced. Rejects when nobody answers, or with no YAML. */
  async read(signal: AbortSignal): Promise<MeshSettings> {
    try {
      const { data } = await callApi<ConfigMap>(this.#cluster, this.#path, { signal })
      return parseMeshSettings(data?.['mesh'] ?? '')
    } catch (error: unknown) {
      if (error instanceof ApiError && error.statusCode === NOT_FOUND) return parseMeshSettings('')
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`the settings of the mesh cannot be read: ${reason}`, { cause: error })
    }
  }
}

interface ConfigMap {
  readonly data?: Readonly<Record<string, string>>
}
