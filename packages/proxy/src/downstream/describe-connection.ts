import type { Metadata } from '@meltemi/sdk'

const OWN_KEYS = /^(?:proxy_protocol|tls)\./i
const LOWER = 0x20
const P = 0x70
const T = 0x74

/**
 * Adds what the PROXY header and the handshake said. The client must not be able to say it itself, in whatever case it writes
 * the key, least of all where neither has said anything.
 */
export function describeConnection(message: Metadata, properties: ReadonlyMap<string, string>): void {
  for (let at = message.size - 1; at >= 0; at--) {
    const key = message.key(at)
    if (isOwn(key)) message.delete(key)
  }
  if (properties.size > 0) for (const [key, value] of properties) message.set(key, value)
}

/** The first letter tells of most keys that they are not. */
function isOwn(key: string): boolean {
  const first = key.charCodeAt(0) | LOWER
  return (first === P || first === T) && OWN_KEYS.test(key)
}
