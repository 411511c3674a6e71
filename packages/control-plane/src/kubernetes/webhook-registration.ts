import { APPLY, callApi } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'

/** How an API server calls a webhook, as far as it is known. */
export interface Registration {
  /** What the certificate has to be for: of the Services, and the hosts of URLs. */
  readonly names: readonly string[]
  /** Authorities in PEM that it trusts everywhere; empty: none. */
  readonly trusted: string
  readonly webhooks: readonly string[]
}

interface Configuration {
  readonly webhooks?: readonly {
    readonly name: string
    readonly clientConfig: {
      readonly url?: string
      readonly service?: { readonly name: string; readonly namespace: string }
      readonly caBundle?: string
    }
  }[]
}

const FOLDER = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'
const FIELD_MANAGER = 'meltemi-webhook'
const TIMEOUT_MS = 5_000

/** The ValidatingWebhookConfiguration of that name. */
export async function readRegistration(cluster: Cluster, name: string, signal: AbortSignal): Promise<Registration> {
  const { webhooks = [] } = await callApi<Configuration>(cluster, `${FOLDER}/${name}`, {
    signal,
    timeoutMs: TIMEOUT_MS,
  })
  const bundles = new Set(webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? ''))
  return {
    names: [...new Set(webhooks.flatMap(({ clientConfig }) => hostOf(clientConfig)))],
    trusted: bundles.size === 1 ? Buffer.from([...bundles][0] as string, 'base64').toString() : '',
    webhooks: webhooks.map((webhook) => webhook.name),
  }
}

/** Says whom to trust, and nothing else: the rest is whoever's who has made the configuration. */
export async function trustAuthorities(
  cluster: Cluster,
  name: string,
  { webhooks }: Registration,
  authorities: string,
  signal: AbortSignal,
): Promise<void> {
  const caBundle = Buffer.from(authorities).toString('base64')
  const body = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name },
    webhooks: webhooks.map((webhook) => ({ name: webhook, clientConfig: { caBundle } })),
  }
  const path = `${FOLDER}/${name}?fieldManager=${FIELD_MANAGER}&force=true`
  await callApi(cluster, path, { method: 'PATCH', contentType: APPLY, body, signal, timeoutMs: TIMEOUT_MS })
}

function hostOf({ url, service }: NonNullable<Configuration['webhooks']>[number]['clientConfig']): readonly string[] {
  if (service !== undefined) return [`${service.name}.${service.namespace}.svc`]
  const host = url === undefined ? '' : (URL.parse(url)?.hostname ?? '')
  return host === '' ? [] : [host.replace(/^\[|\]$/g, '')]
}
