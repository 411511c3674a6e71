import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { ResponseStatus } from '@meltemi/sdk'
import { type Identity, TestAuthority } from '../harness/certificates.ts'
import {
  awesomerpcFrame,
  connectClient,
  freePort,
  greeterRouter,
  MeltemiProcess,
  MeshFolder,
  type RawClient,
  startEchoServer,
} from '../harness/index.ts'

const LOOPBACK = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--drain-time-s', '2']
const UP = [...LOOPBACK, '--admin-address', '127.0.0.1:0', '--log-level', 'warn']
const NAME = 'spiffe://cluster.local/ns/default/sa/greeter'
const WAIT_MS = 20_000

const authority = await TestAuthority.create()
const [service, own] = await Promise.all([
  authority.issue({ uris: [NAME] }),
  authority.issue({ uris: ['spiffe://cluster.local/ns/default/sa/proxy'] }),
])

/** The DestinationRule of the folder, with these settings of TLS. */
function setTls(folder: MeshFolder, tls: object): void {
  const text = readFileSync(join(folder.path, 'greeter.yaml'), 'utf8')
  const plain = text.replace(/trafficPolicy: .*?, subsets:/, 'subsets:')
  folder.write('greeter.yaml', plain.replace('subsets:', `trafficPolicy: ${JSON.stringify({ tls })}, subsets:`))
}

function writeFiles(folder: MeshFolder, { chain, privateKey }: Identity) {
  return {
    clientCertificate: folder.write('chain.pem', chain),
    privateKey: folder.write('key.pem', privateKey),
    caCertificates: folder.write('ca.pem', authority.pem),
  }
}

async function until(client: RawClient, status: number): Promise<void> {
  const endMs = performance.now() + WAIT_MS
  for (let id = 1; (await client.request(awesomerpcFrame({ id }))).status !== status; id++) {
    assert.ok(performance.now() < endMs, `no answer with status ${status}`)
    await sleep(50)
  }
}

test('a DestinationRule says that workloads are called with mTLS, by which name, and as whom', async () => {
  const tls = {
    ca: authority.pem,
    cert: service.chain,
    key: service.privateKey,
    requestCert: true,
    rejectUnauthorized: true,
  }
  await using server = await startEchoServer({ codec: awesomerpc, tls })
  const port = await freePort()
  using folder = new MeshFolder({ port, versions: { v1: server.port } })
  folder.write('router.yaml', greeterRouter({ v1: 100 }))
  const files = writeFiles(folder, own)
  setTls(folder, { mode: 'MUTUAL', ...files, subjectAltNames: [NAME], sni: 'greeter.test' })
  await using up = new MeltemiProcess(['up', folder.path, ...UP], { env: { XDG_RUNTIME_DIR: folder.path } })
  await up.said(/^ready: .*\n/m)
  await using client = await connectClient({ port, codec: awesomerpc, timeoutMs: WAIT_MS })
  await until(client, ResponseStatus.Ok)
  const socket = server.connections.at(-1)?.socket as TLSSocket & { readonly servername?: string }
  assert.equal(socket.servername, 'greeter.test')
  assert.equal(socket.getPeerX509Certificate()?.subjectAltName, 'URI:spiffe://cluster.local/ns/default/sa/proxy')
  setTls(folder, { mode: 'MUTUAL', ...files, subjectAltNames: ['somebody'] })
  await until(client, ResponseStatus.Error)
  setTls(folder, { mode: 'DISABLE' })
  await until(client, ResponseStatus.Error)
  setTls(folder, { mode: 'MUTUAL', ...files })
  await until(client, ResponseStatus.Ok)
})
