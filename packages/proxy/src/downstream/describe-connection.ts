import type { Metadata } from '@meltemi/sdk'

const PROXY_PREFIX = 'proxy_protocol.'

/** Adds what the PROXY header said. The client must not be able to say it itself, in whatever case it writes the key. */
export function describeConnection(message: Metadata, properties: ReadonlyMap<string, string>): void {
  for (let at = message.size - 1; at >= 0; at--) {
    const key = message.key(at)
    if (key.length > PROXY_PREFIX.length && key.toLowerCase().startsWith(PROXY_PREFIX)) message.delete(key)
  }
  for (const [key, value] of properties) message.set(key, value)
}
