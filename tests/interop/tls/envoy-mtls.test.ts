/** A real Envoy before our listener, and another listener of it behind our cluster, with mTLS on both ways. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { type CodecDefinition, ResponseStatus } from '@meltemi/sdk'
import { findFreePort } from '../../../benchmarks/peers/peer.ts'
import { type Identity, TestAuthority } from '../../harness/certificates.ts'
import {
  awesomerpcFrame,
  connectClient,
  FOUR_PROTOCOLS,
  startEchoServer,
  startTestProxy,
  type TestProxy,
} from '../../harness/index.ts'
import { clientTls, exactly, secretsFor, serverTls, validationBy } from '../../harness/secrets.ts'
import { type EnvoyProcess, runEnvoy } from '../xds/envoy-process.ts'

const FRONT = 'spiffe://cluster.local/ns/default/sa/front'
const MIDDLE = 'spiffe://cluster.local/ns/default/sa/middle'
const BACK = 'spiffe://cluster.local/ns/default/sa/back'
const WAIT_MS = 20_000

const authority = await TestAuthority.create()
const [front, middle, back, other] = await Promise.all(
  [FRONT, MIDDLE, BACK, 'spiffe://elsewhere/sa/front'].map((uri) =>
    authority.issue({ uris: [uri], hosts: ['middle.test'] }),
  ),
)

describe('mTLS with a real Envoy', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'meltemi-tls-envoy-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  for (const { name, codec, request, answer } of FOUR_PROTOCOLS) {
    for (const version of ['TLSv1_2', 'TLSv1_3'] as const) {
      test(`before our listener and behind our cluster: ${name}, ${version}`, async () => {
        await using server = await startEchoServer({ codec, answer })
        const [frontPort, backPort] = [await findFreePort(), await findFreePort()]
        await using proxy = await startMiddle(codec, backPort)
        const ports = { front: frontPort, middle: proxy.port, back: backPort, service: server.port }
        await using envoy = runEnvoy(bootstrap(folder, ports, version, front as Identity))
        for (let id = 1; id <= 3; id++) assert.equal(await ask(envoy, frontPort, codec, request(id)), ResponseStatus.Ok)
        assert.ok(proxy.stat('listener.127.0.0.1_0.ssl.handshake') >= 1)
        assert.ok(proxy.stat('cluster.service.ssl.handshake') >= 1)
        assert.ok(proxy.stat(`ssl.versions.${version.replace('_', '.')}`) >= 2)
        assert.equal(proxy.stat('ssl.connection_error'), 0)
      })
    }
  }

  test('Envoy with another identity is not let in, and is told so by the end of its connection', async () => {
    await using server = await startEchoServer({ codec: awesomerpc })
    const [frontPort, backPort] = [await findFreePort(), await findFreePort()]
    await using proxy = await startMiddle(awesomerpc, backPort)
    const ports = { front: frontPort, middle: proxy.port, back: backPort, service: server.port }
    await using envoy = runEnvoy(bootstrap(folder, ports, 'TLSv1_3', other as Identity))
    const endMs = performance.now() + WAIT_MS
    while (proxy.stat('ssl.fail_verify_san') === 0) {
      assert.ok(performance.now() < endMs && envoy.isRunning, envoy.log())
      await assert.rejects(attempt(frontPort, awesomerpc, awesomerpcFrame({ id: 1 })))
      await sleep(50)
    }
    assert.equal(server.received.length, 0)
  })
})

async function startMiddle(codec: CodecDefinition, backPort: number): Promise<TestProxy> {
  const listening = serverTls(middle as Identity, authority, {
    validation: validationBy(authority, [exactly('uri', FRONT)]),
  })
  const calling = clientTls(middle as Identity, authority, {
    validation: validationBy(authority, [exactly('uri', BACK)]),
    sni: 'back.test',
  })
  return startTestProxy({
    codec,
    endpoints: [backPort],
    secrets: await secretsFor([listening, calling]),
    listener: { tls: listening },
    cluster: { tls: calling },
  })
}

/** Until Envoy serves. */
async function ask(envoy: EnvoyProcess, port: number, codec: CodecDefinition, request: Buffer): Promise<number> {
  const endMs = performance.now() + WAIT_MS
  for (;;) {
    const status = await attempt(port, codec, request).catch(() => undefined)
    if (status !== undefined) return status
    if (!envoy.isRunning || performance.now() > endMs) throw new Error(envoy.log())
    await sleep(50)
  }
}

async function attempt(port: number, codec: CodecDefinition, request: Buffer): Promise<number> {
  await using client = await connectClient({ port, codec, timeoutMs: 2_000 })
  return (await client.request(request)).status
}

interface Ports {
  readonly front: number
  readonly middle: number
  readonly back: number
  readonly service: number
}

function bootstrap(folder: string, ports: Ports, version: string, shown: Identity): object {
  const at = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })
  const type = (name: string) => `type.googleapis.com/envoy.extensions.${name}`
  const file = (name: string, text: string) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return { filename: path }
  }
  const common = (name: string, { chain, privateKey }: Identity, peer: string) => ({
    tls_certificates: [{ certificate_chain: file(`${name}.crt`, chain), private_key: file(`${name}.key`, privateKey) }],
    validation_context: {
      trusted_ca: file('ca.crt', authority.pem),
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer } }],
    },
    tls_params: { tls_minimum_protocol_version: version, tls_maximum_protocol_version: version },
  })
  const listener = (name: string, port: number, cluster: string, chain = {}) => {
    const typed_config = { '@type': type('filters.network.tcp_proxy.v3.TcpProxy'), stat_prefix: name, cluster }
    return { name, address: at(port), filter_chains: [{ filters: [{ name: 'tcp', typed_config }], ...chain }] }
  }
  const cluster = (name: string, port: number, more = {}) => ({
    name,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: at(port) } }] }] },
    ...more,
  })
  const socket = (side: 'Upstream' | 'Downstream', config: object) => {
    const typed_config = { '@type': type(`transport_sockets.tls.v3.${side}TlsContext`), ...config }
    return { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config } }
  }
  const towardUs = socket('Upstream', { common_tls_context: common('front', shown, MIDDLE), sni: 'middle.test' })
  const fromUs = socket('Downstream', {
    common_tls_context: common('back', back as Identity, MIDDLE),
    require_client_certificate: true,
  })
  return {
    static_resources: {
      listeners: [listener('front', ports.front, 'middle'), listener('back', ports.back, 'service', fromUs)],
      clusters: [cluster('middle', ports.middle, towardUs), cluster('service', ports.service)],
    },
  }
}
