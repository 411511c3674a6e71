import type { MetricRegistry } from '@meltemi/runtime'

/** Envoy's statistics of one side of TLS; `prefix` ends with a dot. */
export type TlsStats = ReturnType<typeof tlsStats>

export function tlsStats(metrics: MetricRegistry, prefix: string, side: 'server' | 'client') {
  const ssl = (name: string) => metrics.counter(`${prefix}ssl.${name}`)
  const factory = `${prefix}${side}_ssl_socket_factory.`
  const direction = side === 'server' ? 'downstream' : 'upstream'
  return {
    handshake: ssl('handshake'),
    connectionError: ssl('connection_error'),
    sessionReused: ssl('session_reused'),
    noCertificate: ssl('no_certificate'),
    failVerifyNoCert: ssl('fail_verify_no_cert'),
    failVerifyError: ssl('fail_verify_error'),
    failVerifySan: ssl('fail_verify_san'),
    failVerifyCertHash: ssl('fail_verify_cert_hash'),
    versions: {
      'TLSv1.2': ssl('versions.TLSv1.2'),
      'TLSv1.3': ssl('versions.TLSv1.3'),
    } as Readonly<Record<string, { add(n: number): void }>>,
    contextUpdated: metrics.counter(`${factory}ssl_context_update_by_sds`),
    secretsNotReady: metrics.counter(`${factory}${direction}_context_secrets_not_ready`),
  }
}
