import { X509Certificate } from 'node:crypto'
import { type AdminRoute, jsonReply } from '@meltemi/runtime'
import { subjectAltNames } from '../net/tls/peer-names.ts'
import type { LoadedCertificate, ProxyInspector } from './inspector.ts'

const DAY_MS = 86_400_000
const NAME_FIELDS = { dns: 'dns', uri: 'uri', ip: 'ip_address', email: undefined } as const

export function certsRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/certs',
    description: 'the certificates in use: names, serial numbers, and until when they hold',
    handle: () =>
      jsonReply({
        certificates: inspector.certificates().map(({ authorities, chain }) => ({
          ca_cert: authorities.map((each) => certificateJson(each)),
          cert_chain: chain.map((each) => certificateJson(each)),
        })),
      }),
  }
}

/** One certificate as Envoy prints it. */
export function certificateJson({ path, pem }: LoadedCertificate, nowMs: number = Date.now()): unknown {
  const certificate = new X509Certificate(pem)
  const expiresMs = certificate.validToDate.getTime()
  return {
    path,
    serial_number: certificate.serialNumber.toLowerCase(),
    subject_alt_names: namesOf(certificate),
    days_until_expiration: String(Math.max(0, Math.floor((expiresMs - nowMs) / DAY_MS))),
    valid_from: certificate.validFromDate.toISOString(),
    expiration_time: certificate.validToDate.toISOString(),
  }
}

function namesOf(certificate: X509Certificate): readonly unknown[] {
  return subjectAltNames(certificate).flatMap(({ type, value }) => {
    const field = NAME_FIELDS[type]
    return field === undefined ? [] : [{ [field]: value }]
  })
}
