// Mutual TLS between the load and a listener, the same for Meltemi and Envoy.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TestAuthority } from '../../tests/harness/certificates.ts'
import type { ListenerTls } from '../peers/peer.ts'

const SERVER = 'proxy.test'
/** What both would choose differently. */
const CIPHER = 'TLS_AES_128_GCM_SHA256'

/** Certificates of an authority made for it; files go into the folder. */
export async function createMutualTls(folder: string): Promise<ListenerTls> {
  const authority = await TestAuthority.create()
  const server = await authority.issue({ commonName: 'proxy', hosts: [SERVER] })
  const client = await authority.issue({ uris: ['spiffe://cluster.local/ns/default/sa/client'] })
  const put = (name: string, text: string): { filename: string } => {
    const filename = join(folder, name)
    writeFileSync(filename, text)
    return { filename }
  }
  const certificate = {
    certificate_chain: put('tls.crt', server.chain),
    private_key: put('tls.key', server.privateKey),
  }
  return {
    transportSocket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
        require_client_certificate: true,
        common_tls_context: {
          tls_certificates: [certificate],
          validation_context: {
            trusted_ca: put('ca.crt', authority.pem),
            match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://cluster.local/' } }],
          },
        },
      },
    },
    client: {
      ca: authority.pem,
      cert: client.chain,
      key: client.privateKey,
      servername: SERVER,
      ciphers: CIPHER,
    },
  }
}
