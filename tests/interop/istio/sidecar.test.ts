/**
 * Behind the sidecar of a service, in its pod: a real Envoy ends the mesh's mTLS and hands connections over, as istiod makes
 * of deploy/istio (see sends.test.ts), with a PROXY header that says whose they are.
 */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions } from 'node:tls'
import { type Metadata, ResponseStatus } from '@meltemi/sdk'
import { assertDenied } from '../../harness/authorized.ts'
import { type Identity, TestAuthority } from '../../harness/certificates.ts'
import {
  connectClient,
  type EchoServer,
  freePort,
  MeltemiProcess,
  startEchoServer,
  THRIFT,
} from '../../harness/index.ts'
import { type EnvoyProcess, runEnvoy } from '../xds/envoy-process.ts'
import { envoyBootstrap, staticCluster, tcpListener, tlsSocket } from './envoy-parts.ts'
import { packetPath, packetPathResources } from './packet-path.ts'

const { codec, answer, request } = THRIFT
const [filter, cluster] = patches() as readonly [{ typed_config: object }, { transport_socket: object }]
const WAIT_MS = 20_000

const authority = await TestAuthority.create()
const [greeter, web, job] = await Promise.all(
  ['greeter', 'web', 'job'].map((account) =>
    authority.issue({ uris: [`spiffe://cluster.local/ns/shop/sa/${account}`], hosts: ['greeter.test'] }),
  ),
)

function as(identity: Identity | undefined): ConnectionOptions {
  const { chain, privateKey } = identity as Identity
  return { ca: authority.pem, cert: chain, key: privateKey, servername: 'greeter.test' }
}

/** Values of the EnvoyFilter, in their order. */
function patches(): readonly object[] {
  const [, envoyFilter] = packetPathResources('sidecar-resources.yaml')
  const configPatches = envoyFilter?.spec['configPatches'] as readonly { readonly patch: { readonly value: object } }[]
  return configPatches.map(({ patch }) => patch.value)
}

describe('behind the sidecar of a service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-sidecar-'))
  const stack = new AsyncDisposableStack()
  const ports = { mtls: 0, plain: 0, proxy: 0 }
  let server: EchoServer
  let proxy: MeltemiProcess
  let envoy: EnvoyProcess

  before(async () => {
    server = stack.use(await startEchoServer({ codec, answer }))
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort()
    const file = join(folder, 'sidecar.yaml')
    const text = packetPath('waypoint.yaml', {
      'port_value: 15088': `port_value: ${ports.proxy}`,
      '{ address: 10.96.0.10, port_value: 9090 }': `{ address: 127.0.0.1, port_value: ${server.port} }`,
      'exact_match: 10.96.0.10': 'exact_match: 127.0.0.1',
      '%DOWNSTREAM_PEER_URI_SAN%': '%REQ(tls.mtls)% %DOWNSTREAM_PEER_URI_SAN%',
    })
    writeFileSync(file, text)
    proxy = stack.use(new MeltemiProcess(['proxy', '-c', file, '--admin-address', '127.0.0.1:0']))
    envoy = stack.use(runEnvoy(sidecar()))
    await proxy.said(/"msg":"listening"/)
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(folder, { recursive: true, force: true })
  })

  function sidecar(): object {
    const { chain, privateKey } = greeter as Identity
    const text = (inline_string: string) => ({ inline_string })
    const shown = [{ certificate_chain: text(chain), private_key: text(privateKey) }]
    const common = { tls_certificates: shown, validation_context: { trusted_ca: text(authority.pem) } }
    const transport_socket = tlsSocket('Downstream', common, { require_client_certificate: true })
    return envoyBootstrap({
      listeners: [
        tcpListener(ports.mtls, 'meltemi', { filter: filter.typed_config, chain: { transport_socket } }),
        tcpListener(ports.plain, 'meltemi', { filter: filter.typed_config }),
      ],
      clusters: [staticCluster('meltemi', ports.proxy, cluster.transport_socket)],
    })
  }

  /** Until Envoy serves. */
  async function ask(port: number, tls?: ConnectionOptions): Promise<Metadata> {
    const endMs = performance.now() + WAIT_MS
    for (;;) {
      try {
        await using client = await connectClient({ port, codec, ...(tls && { tls }) })
        return await client.request(request(7))
      } catch (error: unknown) {
        if (!envoy.isRunning || performance.now() > endMs) throw new Error(envoy.log(), { cause: error })
      }
      await sleep(50)
    }
  }

  test('it says who a client is by its certificate: one is served, another is denied', async () => {
    assert.equal((await ask(ports.mtls, as(web))).status, ResponseStatus.Ok)
    assertDenied(THRIFT, await ask(ports.mtls, as(job)))
    assert.equal(server.received.length, 1)
    await proxy.said(/^true spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web at 127\.0\.0\.1 -$/m)
    await proxy.said(/^true spiffe:\/\/cluster\.local\/ns\/shop\/sa\/job at 127\.0\.0\.1 UAEX$/m)
  })

  test('a client without a certificate, which PERMISSIVE lets in, is nobody', async () => {
    assertDenied(THRIFT, await ask(ports.plain))
    await proxy.said(/^- - at 127\.0\.0\.1 UAEX$/m)
  })
})
