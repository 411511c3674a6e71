import type { ClientTLSSettings, ResourcePath, ResourceProblems } from '@meltemi/api/resource'
import type { Loose } from './loose.ts'

const OWN = ['clientCertificate', 'privateKey'] as const
const OF_PEERS = ['caCertificates', 'caCrl', 'subjectAltNames'] as const

/** What a mode needs, and what it has no use for. */
export function checkTls(
  tls: Loose<ClientTLSSettings> | undefined,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  if (tls?.mode === undefined) return
  const { mode, insecureSkipVerify = false } = tls
  const unused = (field: keyof ClientTLSSettings, why: string) => {
    if (tls[field] !== undefined)
      problems.warning({ code: 'no-effect', path: [...path, field], message: `has no effect: ${why}` })
  }
  if (mode === 'DISABLE') {
    for (const field of [...OWN, ...OF_PEERS, 'sni', 'insecureSkipVerify'] as const) unused(field, 'mode is DISABLE')
    return
  }
  if (mode === 'SIMPLE') for (const field of OWN) unused(field, 'in mode SIMPLE the proxy shows no certificate')
  if (mode === 'MUTUAL') for (const field of OWN) if (tls[field] === undefined) missing([...path, field], problems)
  if (insecureSkipVerify) for (const field of OF_PEERS) unused(field, 'insecureSkipVerify is set')
  else if (mode !== 'ISTIO_MUTUAL' && tls.caCertificates === undefined) {
    const fix = 'name the file of those who may sign, or set insecureSkipVerify'
    missing([...path, 'caCertificates'], problems, fix)
  }
}

function missing(path: ResourcePath, problems: ResourceProblems, fix?: string): void {
  const message = `${path.at(-1)} is required`
  problems.error({ code: 'missing-field', path, message, ...(fix === undefined ? {} : { fix }) })
}
