import type { CertificateBundle } from '../webhook/certificate-bundle.ts'
import { callApi } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'

/** A bundle as it was read. */
export interface StoredBundle {
  readonly bundle: CertificateBundle
  /** Of the Secret. */
  readonly version: string
}

interface Secret {
  readonly metadata: { readonly resourceVersion: string }
  readonly data?: Readonly<Record<string, string>>
}

const TIMEOUT_MS = 5_000
const PATCH = 'application/merge-patch+json'

/**
 * The Secret that replicas share a certificate in: `tls.crt`, `tls.key`, `ca.crt`, and `next.crt` with `next.key`. It is there
 * from the start, empty, so that nobody needs the right to create any.
 */
export class CertificateSecret {
  readonly #cluster: Cluster
  readonly #path: string

  constructor(cluster: Cluster, namespace: string, name: string) {
    this.#cluster = cluster
    this.#path = `/api/v1/namespaces/${namespace}/secrets/${name}`
  }

  async read(signal: AbortSignal): Promise<StoredBundle> {
    return toStored(await callApi<Secret>(this.#cluster, this.#path, { signal, timeoutMs: TIMEOUT_MS }))
  }

  /** Returns what stands there then. Rejects with 409 when somebody else has written meanwhile. */
  async write(bundle: CertificateBundle, { version }: StoredBundle, signal: AbortSignal): Promise<StoredBundle> {
    const body = { metadata: { resourceVersion: version }, data: toData(bundle) }
    const call = { method: 'PATCH', contentType: PATCH, body, signal, timeoutMs: TIMEOUT_MS } as const
    return toStored(await callApi<Secret>(this.#cluster, this.#path, call))
  }
}

function toStored(secret: Secret): StoredBundle {
  return { bundle: toBundle(secret), version: secret.metadata.resourceVersion }
}

function toBundle({ data = {} }: Secret): CertificateBundle {
  const read = (name: string) => Buffer.from(data[name] ?? '', 'base64').toString()
  const next = { chain: read('next.crt'), privateKey: read('next.key') }
  return {
    current: { chain: read('tls.crt'), privateKey: read('tls.key') },
    next: next.chain === '' ? undefined : next,
    authorities: read('ca.crt'),
  }
}

/** null takes a key away. */
function toData({ current, next, authorities }: CertificateBundle): Record<string, string | null> {
  const texts = {
    'tls.crt': current.chain,
    'tls.key': current.privateKey,
    'ca.crt': authorities,
    'next.crt': next?.chain,
    'next.key': next?.privateKey,
  }
  const encode = (text?: string) => (text === undefined ? null : Buffer.from(text).toString('base64'))
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, encode(text)]))
}
