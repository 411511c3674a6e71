import { X509Certificate } from 'node:crypto'
import { isIPv6 } from 'node:net'

export type SanType = 'uri' | 'dns' | 'ip' | 'email'

/** One subject alternative name of a certificate. */
export interface SubjectAltName {
  readonly type: SanType
  readonly value: string
}

const TYPES: Readonly<Record<string, SanType>> = { URI: 'uri', DNS: 'dns', 'IP Address': 'ip', email: 'email' }
/** One name as the runtime prints it; a value with a comma or a quote in it is a JSON string. */
const ENTRY = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/y

/** The names of a certificate, in order; kinds that nobody asks for are left out. Never throws. */
export function subjectAltNames({ subjectAltName }: X509Certificate): readonly SubjectAltName[] {
  return parseSubjectAltName(subjectAltName ?? '')
}

/** What follows something that cannot be read is not trusted. */
export function parseSubjectAltName(text: string): readonly SubjectAltName[] {
  const names: SubjectAltName[] = []
  for (let at = 0; at < text.length; at = ENTRY.lastIndex) {
    ENTRY.lastIndex = at
    const found = ENTRY.exec(text)
    if (found === null) break
    const type = TYPES[found[1] ?? '']
    const value = unquote(found[2] ?? '')
    if (type !== undefined && value !== undefined) names.push({ type, value: type === 'ip' ? plainIp(value) : value })
  }
  return names
}

function unquote(text: string): string | undefined {
  if (!text.startsWith('"')) return text
  try {
    return String(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** The runtime writes IPv6 addresses at length. */
function plainIp(text: string): string {
  return isIPv6(text) ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text
}

/** As RFC 2253 writes it: the last part first. */
export function subjectOf({ subject }: Pick<X509Certificate, 'subject'>): string {
  return namesOf(subject)
}

export function issuerOf({ issuer }: Pick<X509Certificate, 'issuer'>): string {
  return namesOf(issuer)
}

function namesOf(lines: string | undefined): string {
  return (lines ?? '').split('\n').toReversed().join(',')
}

/** Whether a name of a certificate, which may begin with `*.`, is this host. */
export function isHost(pattern: string, host: string): boolean {
  const name = pattern.toLowerCase()
  const wanted = host.toLowerCase()
  if (!name.startsWith('*.')) return name === wanted
  const dot = wanted.indexOf('.')
  return dot > 0 && wanted.slice(dot) === name.slice(1)
}

/** The certificates of a PEM text, the first one first. Throws for what is none. */
export function readCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(
    /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g,
  )
  return (blocks ?? []).map((block) => new X509Certificate(block))
}
