/**
 * Keeps secrets out of logs and dumps. A value is one when its name says so (`clientSecret`, `private_key`), when the
 * name beside it says so (`{key: 'authorization', value: …}`), or when it looks like one (a PEM key, `user:pass@`).
 */

export const REDACTED = '[redacted]'

const MAX_DEPTH = 32
/** Each is compared with the last words of a name. */
const SECRET_NAMES = new Set(
  `password passwd passphrase pwd secret secrets token tokens credential credentials authorization cookie jwt bearer
   apikey private_key privatekey secret_key api_key access_key signing_key encryption_key session_key
   inline_bytes set_cookie`.split(/\s+/),
)
const NOT_SECRET = new Set(['max_tokens'])
const NAME_KEYS = new Set(['key', 'name', 'header', 'kind', '@type'])

const PEM_KEY = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----/
const URL_USER = /:\/\/[^/\s@"']{1,512}@/g
const ASSIGNED =
  /\b(password|passwd|passphrase|secret|token|api[_-]?key|authorization)("?\s{0,3}[=:]\s{0,3})(?:(?:bearer|basic)\s)?[^\s,;&]{1,4096}/gi
const BEARER = /\b(bearer|basic)\s[A-Za-z0-9._~+/=-]{16,4096}/gi

/** A copy that can be shown, and written as JSON: bigints are strings in it. */
export function redact(value: unknown): unknown {
  return redactValue(value, 0)
}

/** Replaces what looks like a secret in a line of text. */
export function redactText(text: string): string {
  if (PEM_KEY.test(text)) return REDACTED
  return text
    .replace(URL_USER, `://${REDACTED}@`)
    .replace(ASSIGNED, `$1$2${REDACTED}`)
    .replace(BEARER, `$1 ${REDACTED}`)
}

export function isSecretName(name: string): boolean {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
  const lastTwo = words.slice(-2).join('_')
  if (NOT_SECRET.has(lastTwo)) return false
  return SECRET_NAMES.has(words.at(-1) ?? '') || SECRET_NAMES.has(lastTwo)
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) return '[too deep]'
  if (value instanceof Error) return redactText(value.message)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof Map) return redactObject(Object.fromEntries(value), depth)
  if (value instanceof Set || Array.isArray(value)) return [...value].map((item) => redactValue(item, depth + 1))
  return redactObject(value, depth)
}

function redactObject(object: object, depth: number): Record<string, unknown> {
  const entries: [string, unknown][] = Object.entries(object)
  const namesSecret = entries.some(
    ([key, value]) => NAME_KEYS.has(key) && typeof value === 'string' && isSecretName(value),
  )
  const copy: [string, unknown][] = []
  for (const [key, value] of entries) {
    if (isSecretName(key) && holdsSomething(value)) copy.push([key, REDACTED])
    else if (namesSecret && !NAME_KEYS.has(key)) copy.push([key, hideStrings(value, depth + 1)])
    else copy.push([key, redactValue(value, depth + 1)])
  }
  return Object.fromEntries(copy)
}

function holdsSomething(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && typeof value !== 'boolean'
}

/** Hides every string but those that say what kind of thing it is. */
function hideStrings(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value === '' ? value : REDACTED
  if (typeof value !== 'object' || value === null) return redactValue(value, depth)
  if (depth >= MAX_DEPTH) return '[too deep]'
  if (Array.isArray(value)) return value.map((item) => hideStrings(item, depth + 1))
  const entries: [string, unknown][] = Object.entries(value)
  return Object.fromEntries(
    entries.map(([key, item]) => [
      key,
      NAME_KEYS.has(key) ? redactValue(item, depth + 1) : hideStrings(item, depth + 1),
    ]),
  )
}
