import { TLS_MTLS, TLS_PRINCIPAL, TLS_URI_SANS } from '../net/tls-properties.ts'

type Properties = ReadonlyMap<string, string>

/**
 * Who the client is, where a TLV of its PROXY header says it: as if it had shown its certificate here, and not to whoever
 * has written the header. `tlv` undefined: nobody is trusted with it.
 */
export function identifyClient(properties: Properties, tlv: number | undefined): Properties {
  if (tlv === undefined) return properties
  const identity = properties.get(`proxy_protocol.tlv.0x${tlv.toString(16).padStart(2, '0')}`) ?? ''
  if (identity === '') return properties
  return new Map([
    ...properties,
    [TLS_MTLS, 'true'],
    [TLS_PRINCIPAL, identity],
    // a comma would make two names of it
    [TLS_URI_SANS, identity.replaceAll(',', '%2C')],
  ])
}
