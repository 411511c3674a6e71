/** What the name of a port says about its protocol. */
export type PortProtocol =
  /** Nothing: plain TCP. */
  | { readonly kind: 'none' }
  | { readonly kind: 'known'; readonly protocol: string }
  /** `rest` is what stands where a protocol should. */
  | { readonly kind: 'unknown'; readonly rest: string }
  /** Names no protocol at all, as `tcp-metaprotocol` does. */
  | { readonly kind: 'malformed' }

/** The first word is by convention `tcp`; the reference does not look at it. */
const META_PROTOCOL = /^[^-]*-metaprotocol(?:-(.*))?$/is

/**
 * The protocol of a port by its name, `tcp-metaprotocol-<protocol>[-anything]`. Protocols may have hyphens in their names:
 * the longest of the known ones that is followed by a hyphen or nothing counts.
 */
export function protocolOfPort(name: string, known: { has(protocol: string): boolean }): PortProtocol {
  const match = META_PROTOCOL.exec(name)
  if (match === null) return { kind: 'none' }
  const rest = match[1] ?? ''
  if (rest === '') return { kind: 'malformed' }
  for (let end = rest.length; end > 0; end = rest.lastIndexOf('-', end - 1)) {
    const protocol = rest.slice(0, end)
    if (known.has(protocol)) return { kind: 'known', protocol }
  }
  return { kind: 'unknown', rest }
}

/** The second word of `tcp-<protocol>[-anything]`, in small letters, by which a port is of a protocol that Envoy has by itself. */
export function envoyProtocolOfPort(name: string): string | undefined {
  return name.toLowerCase().split('-')[1]
}
