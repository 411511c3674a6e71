import type { ClientTLSSettings, ClusterConfig, DataSource, UpstreamTlsConfig } from '@meltemi/api'

interface Target {
  readonly host: string
  readonly port: number
  readonly subset: string
}

/** Where Istio has the files of a workload. */
const OWN_FILES = {
  clientCertificate: '/etc/certs/cert-chain.pem',
  privateKey: '/etc/certs/key.pem',
  caCertificates: '/etc/certs/root-cert.pem',
}
const ISTIO_ALPN = 'istio'

/** `tls` of a DestinationRule; nothing: plain. */
export function translateTls(settings: ClientTLSSettings | undefined, target: Target): Pick<ClusterConfig, 'tls'> {
  if (settings === undefined || settings.mode === 'DISABLE') return {}
  return { tls: upstreamTls(settings, target) }
}

function upstreamTls(settings: ClientTLSSettings, target: Target): UpstreamTlsConfig {
  const isIstio = settings.mode === 'ISTIO_MUTUAL'
  const files = isIstio ? { ...OWN_FILES, ...settings } : settings
  return {
    certificates: settings.mode === 'SIMPLE' ? [] : [ownCertificate(files)],
    certificateSecrets: [],
    validation: validationOf(files),
    validationSecret: undefined,
    alpn: isIstio ? [ISTIO_ALPN] : [],
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: [],
    curves: [],
    sni: settings.sni ?? (isIstio ? istioSni(target) : ''),
    maxSessionKeys: 1,
  }
}

function ownCertificate({ clientCertificate = '', privateKey = '' }: Partial<ClientTLSSettings>) {
  return { chain: file(clientCertificate), privateKey: file(privateKey) }
}

function validationOf(settings: Partial<ClientTLSSettings>): UpstreamTlsConfig['validation'] {
  const { caCertificates, caCrl, subjectAltNames = [], insecureSkipVerify = false } = settings
  if (insecureSkipVerify || caCertificates === undefined) return undefined
  const sans = subjectAltNames.map((text) => ({
    type: 'any' as const,
    match: { kind: 'exact' as const, text, ignoreCase: false },
  }))
  const crl = caCrl === undefined ? {} : { crl: file(caCrl) }
  return { trustedCa: file(caCertificates), ...crl, sans, spki: [], hashes: [] }
}

function file(path: string): DataSource {
  return { kind: 'file', path }
}

/** By which Istio's gateways tell services apart. */
function istioSni({ host, port, subset }: Target): string {
  return `outbound_.${port}_.${subset}_.${host}`
}
