/** Configurations of TLS with all that they hold, for proxies in the test's own process. */

import type {
  DataSource,
  DownstreamTlsConfig,
  SanMatcherConfig,
  TlsCertificateConfig,
  TlsValidationConfig,
  UpstreamTlsConfig,
} from '@meltemi/api'
import { SecretStore, TlsSecrets } from '@meltemi/proxy'
import { createLogger, MergedRegistry, systemClock } from '@meltemi/runtime'
import type { Identity, TestAuthority } from './certificates.ts'
import { testCluster, testListener, testMetaProtocol } from './test-proxy.ts'

export function inline(text: string): DataSource {
  return { kind: 'inline', text }
}

export function certificateOf({ chain, privateKey }: Identity): TlsCertificateConfig {
  return { chain: inline(chain), privateKey: inline(privateKey) }
}

export function validationBy(authority: TestAuthority, sans: readonly SanMatcherConfig[] = []): TlsValidationConfig {
  return { trustedCa: inline(authority.pem), sans, spki: [], hashes: [] }
}

/** A name as it is. */
export function exactly(type: SanMatcherConfig['type'], text: string): SanMatcherConfig {
  return { type, match: { kind: 'exact', text, ignoreCase: false } }
}

const COMMON = {
  certificateSecrets: [],
  validationSecret: undefined,
  alpn: [],
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [],
  curves: [],
} as const

export function serverTls(
  identity: Identity,
  authority: TestAuthority | undefined,
  changes: Partial<DownstreamTlsConfig> = {},
): DownstreamTlsConfig {
  return {
    ...COMMON,
    certificates: [certificateOf(identity)],
    validation: authority === undefined ? undefined : validationBy(authority),
    requireClientCertificate: authority !== undefined,
    resumption: true,
    sessionTimeoutS: 7200,
    handshakeTimeoutMs: 15_000,
    ...changes,
  }
}

export function clientTls(
  identity: Identity | undefined,
  authority: TestAuthority,
  changes: Partial<UpstreamTlsConfig> = {},
): UpstreamTlsConfig {
  return {
    ...COMMON,
    certificates: identity === undefined ? [] : [certificateOf(identity)],
    validation: validationBy(authority),
    sni: '',
    maxSessionKeys: 1,
    ...changes,
  }
}

/** Reads what these need, as the main thread of a proxy does. Throws for what is no good. */
export async function secretsFor(
  sides: readonly (DownstreamTlsConfig | UpstreamTlsConfig)[],
  ticketKeys?: Uint8Array,
): Promise<TlsSecrets> {
  const store = new SecretStore({
    clock: systemClock,
    logger: createLogger({ level: 'off' }),
    metrics: new MergedRegistry(),
  })
  const listeners = sides.flatMap((tls) =>
    'sni' in tls ? [] : [testListener('test', testMetaProtocol('none'), { tls })],
  )
  const clusters = sides.flatMap((tls) => ('sni' in tls ? [testCluster('test', [], { tls })] : []))
  const faults = await store.take({ listeners, clusters })
  store.close()
  if (faults.length > 0) throw new Error(faults.join('; '))
  return new TlsSecrets(ticketKeys ?? store.ticketKeys, store.materials)
}
