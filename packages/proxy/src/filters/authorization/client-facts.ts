import type { ConnectionInfo } from '@meltemi/sdk'
import { TLS_DNS_SANS, TLS_MTLS, TLS_SNI, TLS_SUBJECT, TLS_URI_SANS } from '../../net/tls-properties.ts'
import type { RecordedConnection } from '../../observe/record.ts'
import { IpAddress } from '../../util/ip-address.ts'

/** What rules ask about a client: read once for each connection, for none of it changes. */
export class ClientFacts {
  readonly remote: IpAddress
  readonly direct: IpAddress
  readonly local: IpAddress
  readonly localPort: number
  /** It has shown a certificate, which was verified. */
  readonly isAuthenticated: boolean
  /** Names in that certificate, as Envoy takes them: URIs, DNS names, then the subject. */
  readonly names: readonly string[]
  readonly serverName: string

  constructor({ remoteAddress, directRemoteAddress, localAddress, localPort, properties }: RecordedConnection) {
    this.remote = new IpAddress(remoteAddress)
    this.direct = remoteAddress === directRemoteAddress ? this.remote : new IpAddress(directRemoteAddress)
    this.local = new IpAddress(localAddress)
    this.localPort = localPort
    this.isAuthenticated = properties.get(TLS_MTLS) === 'true'
    this.names = this.isAuthenticated ? namesOf(properties) : []
    this.serverName = properties.get(TLS_SNI) ?? ''
  }
}

function namesOf(properties: ConnectionInfo['properties']): readonly string[] {
  const sans = [TLS_URI_SANS, TLS_DNS_SANS].flatMap((key) => (properties.get(key) ?? '').split(','))
  return [...sans.filter((name) => name !== ''), properties.get(TLS_SUBJECT) ?? '']
}
