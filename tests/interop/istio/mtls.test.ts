/**
 * A front between sidecars, as Istio's STRICT mode has it: real Envoys before and behind it speak mTLS with server names,
 * ALPN and checks of Istio's sidecars, and all show certificates that a real istiod has signed.
 */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ResponseStatus } from '@meltemi/sdk'
import { type Identity, TestAuthority } from '../../harness/certificates.ts'
import {
  connectClient,
  DUBBO,
  type EchoServer,
  freePort,
  MeltemiProcess,
  startEchoServer,
} from '../../harness/index.ts'
import { type EnvoyProcess, runEnvoy } from '../xds/envoy-process.ts'
import { envoyBootstrap, staticCluster, tcpListener, tlsSocket, typeUrl } from './envoy-parts.ts'
import { issueByIstio } from './istio-certificate.ts'
import { packetPath } from './packet-path.ts'
import { startIstiod } from './start-istiod.ts'

const { codec, answer, request } = DUBBO
const ACCOUNTS = ['web', 'front', 'greeter'] as const
const FRONT_SNI = 'outbound_.9090_._.meltemi-front.shop.svc.cluster.local'
const WAIT_MS = 20_000

describe('STRICT mTLS of Istio', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-mtls-'))
  const stack = new AsyncDisposableStack()
  const ports = { web: 0, stranger: 0, nobody: 0, front: 0, greeter: 0, admin: 0 }
  let server: EchoServer
  let proxy: MeltemiProcess
  let envoy: EnvoyProcess

  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  const file = (name: string) => ({ filename: join(folder, name) })
  const writeIdentity = (name: string, { chain, privateKey }: Identity) => {
    write(`${name}.crt`, chain)
    write(`${name}.key`, privateKey)
  }

  before(async () => {
    await writeCertificates()
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort()
    server = stack.use(await startEchoServer({ codec, answer }))
    envoy = stack.use(runEnvoy(sidecars()))
    proxy = stack.use(startFront())
    await proxy.said(/"msg":"listening"/)
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Of three ServiceAccounts, by istiod; and of a stranger whose authority is trusted, but not his domain. */
  async function writeCertificates(): Promise<void> {
    await using istiod = await startIstiod([], { signs: true })
    const other = await TestAuthority.create('other domain')
    let roots = other.pem
    for (const account of ACCOUNTS) {
      const identity = await issueByIstio(istiod, account)
      writeIdentity(account, identity)
      roots = `${identity.root}${other.pem}`
    }
    write('roots.crt', roots)
    writeIdentity('stranger', await other.issue({ uris: ['spiffe://elsewhere/ns/shop/sa/web'] }))
  }

  function startFront(): MeltemiProcess {
    const certificates = '/var/lib/istio/data'
    const text = packetPath('front.yaml', {
      'address: 0.0.0.0, port_value: 9090': `address: 127.0.0.1, port_value: ${ports.front}`,
      'address: 10.244.0.20, port_value: 9090': `address: 127.0.0.1, port_value: ${ports.greeter}`,
      [`${certificates}/cert-chain.pem`]: join(folder, 'front.crt'),
      [`${certificates}/key.pem`]: join(folder, 'front.key'),
      [`${certificates}/root-cert.pem`]: join(folder, 'roots.crt'),
    })
    write('front.yaml', text)
    const config = join(folder, 'front.yaml')
    return new MeltemiProcess(['proxy', '-c', config, '--admin-address', `127.0.0.1:${ports.admin}`])
  }

  const shown = (name: string) => [{ certificate_chain: file(`${name}.crt`), private_key: file(`${name}.key`) }]
  const trusted = (account: string) => ({
    trusted_ca: file('roots.crt'),
    match_typed_subject_alt_names: [
      { san_type: 'URI', matcher: { exact: `spiffe://cluster.local/ns/shop/sa/${account}` } },
    ],
  })

  /** What Istio gives a client's sidecar for the front. */
  const towardFront = (name: string | undefined) =>
    tlsSocket(
      'Upstream',
      {
        alpn_protocols: ['istio-peer-exchange', 'istio'],
        ...(name === undefined ? {} : { tls_certificates: shown(name) }),
        validation_context: trusted('front'),
      },
      { sni: FRONT_SNI },
    )

  /** What Istio gives a service's sidecar, where plain TCP goes elsewhere (PERMISSIVE): it tells its own by ALPN. */
  const fromFront = {
    filter_chain_match: {
      transport_protocol: 'tls',
      application_protocols: ['istio-peer-exchange', 'istio'],
      server_names: ['outbound_.9090_._.greeter.shop.svc.cluster.local'],
    },
    transport_socket: tlsSocket(
      'Downstream',
      {
        alpn_protocols: ['istio-peer-exchange', 'h2', 'http/1.1'],
        tls_certificates: shown('greeter'),
        validation_context: trusted('front'),
      },
      { require_client_certificate: true },
    ),
  }

  function sidecars(): object {
    const typed_config = { '@type': typeUrl('filters.listener.tls_inspector.v3.TlsInspector') }
    const more = { listener_filters: [{ name: 'tls_inspector', typed_config }] }
    return envoyBootstrap({
      listeners: [
        tcpListener(ports.web, 'front-web'),
        tcpListener(ports.stranger, 'front-stranger'),
        tcpListener(ports.nobody, 'front-nobody'),
        tcpListener(ports.greeter, 'greeter', { chain: fromFront, more }),
      ],
      clusters: [
        staticCluster('front-web', ports.front, towardFront('web')),
        staticCluster('front-stranger', ports.front, towardFront('stranger')),
        staticCluster('front-nobody', ports.front, towardFront(undefined)),
        staticCluster('greeter', server.port),
      ],
    })
  }

  async function attempt(port: number): Promise<number> {
    await using client = await connectClient({ port, codec, timeoutMs: 2_000 })
    return (await client.request(request(1))).status
  }

  async function stats(): Promise<string> {
    const reply = await fetch(`http://127.0.0.1:${ports.admin}/stats`, { headers: { connection: 'close' } })
    return reply.text()
  }

  /** Through this sidecar, until our proxy has counted it, or served. */
  async function until(port: number, isDone: (status: number | undefined) => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + WAIT_MS
    while (!(await isDone(await attempt(port).catch(() => undefined)))) {
      assert.ok(envoy.isRunning && performance.now() < endMs, `${envoy.log()}${proxy.errors}`)
      await sleep(50)
    }
  }

  test('a client is who its certificate says, and the service lets us in', async () => {
    await until(ports.web, async (status) => status === ResponseStatus.Ok)
    await proxy.said(
      new RegExp(`^spiffe://cluster.local/ns/shop/sa/web ${FRONT_SNI.replaceAll('.', '\\.')} istio$`, 'm'),
    )
  })

  for (const [who, counter] of [
    ['stranger', 'fail_verify_san'],
    ['nobody', 'fail_verify_no_cert'],
  ] as const) {
    test(`a client is refused in the handshake: ${who}`, async () => {
      const before = server.received.length
      const counted = new RegExp(`ssl\\.${counter}: [1-9]`)
      await until(ports[who], async (status) => {
        assert.equal(status, undefined)
        return counted.test(await stats())
      })
      assert.equal(server.received.length, before)
    })
  }
})
