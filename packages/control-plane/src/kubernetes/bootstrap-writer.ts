import { isDeepStrictEqual } from 'node:util'
import type { ApiObject } from './api-object.ts'
import { bootstrapConfig } from './bootstrap-config.ts'
import { callApi } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'
import { FIELD_MANAGER } from './labelled-objects.ts'
import { listObjects } from './list-objects.ts'
import type { WriteRound } from './write-round.ts'

interface ConfigMap extends ApiObject {
  readonly data?: Readonly<Record<string, string>>
}

/** Annotations of pods name it. */
const NAME = 'aeraki-bootstrap-config'
const KEY = 'custom_bootstrap.json'
const METADATA = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'

/** Each namespace whose pods get sidecars has a ConfigMap with what sidecars need: created, and corrected where it differs. */
export class BootstrapWriter {
  readonly #cluster: Cluster
  readonly #config: object

  constructor(cluster: Cluster, address: { readonly host: string; readonly port: number }) {
    this.#cluster = cluster
    this.#config = bootstrapConfig(address)
  }

  /** Rejects when it cannot be found out what there is. */
  async run(round: WriteRound): Promise<void> {
    const { signal } = round
    const namespaces = await listObjects(this.#cluster, '/api/v1/namespaces', { signal, accept: METADATA })
    const query = { fieldSelector: `metadata.name=${NAME}` }
    const { items } = await listObjects(this.#cluster, '/api/v1/configmaps', { signal, query })
    const stored = new Map(items.map((item) => [item.metadata.namespace ?? '', item as ConfigMap]))
    for (const namespace of namespaces.items) {
      if (isInjected(namespace)) await this.#keep(namespace.metadata.name, stored.get(namespace.metadata.name), round)
    }
  }

  async #keep(namespace: string, old: ConfigMap | undefined, round: WriteRound): Promise<void> {
    if (old !== undefined && isDeepStrictEqual(tryJson(old.data?.[KEY] ?? ''), this.#config)) return
    const path = `/api/v1/namespaces/${namespace}/configmaps`
    const data = { ...old?.data, [KEY]: `${JSON.stringify(this.#config, undefined, 2)}\n` }
    const base = { apiVersion: 'v1', kind: 'ConfigMap', data }
    const { signal } = round
    const what = `ConfigMap ${namespace}/${NAME}`
    if (old === undefined) {
      const body = { ...base, metadata: { name: NAME, namespace } }
      await round.write(`create ${what}`, () =>
        callApi(this.#cluster, `${path}?${FIELD_MANAGER}`, { method: 'POST', body, signal }),
      )
      return
    }
    const body = { ...old, ...base }
    await round.write(`update ${what}`, () =>
      callApi(this.#cluster, `${path}/${NAME}?${FIELD_MANAGER}`, { method: 'PUT', body, signal }),
    )
  }
}

/** By the labels that Istio's injector looks at. One that goes takes nothing new. */
function isInjected({ metadata }: ApiObject): boolean {
  const { labels = {}, deletionTimestamp } = metadata as ApiObject['metadata'] & { readonly deletionTimestamp?: string }
  return deletionTimestamp === undefined && (labels['istio-injection'] === 'enabled' || !!labels['istio.io/rev'])
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // as if nothing stood there
  }
}
