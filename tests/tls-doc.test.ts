import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { parseBootstrap, parseResources, parseSecretFile } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { ResponseStatus } from '@meltemi/sdk'
import { ROOT } from '../scripts/workspace.ts'
import { TestAuthority } from './harness/certificates.ts'
import { awesomerpcFrame, connectClient, freePort, MeltemiProcess, startEchoServer } from './harness/index.ts'

const page = readFileSync(join(ROOT, 'docs/tls.md'), 'utf8')
const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text]) => text as string)
const [bootstrap = '', secretFile = '', rule = ''] = blocks

const authority = await TestAuthority.create()
const [own, client, service] = await Promise.all([
  authority.issue({ uris: ['spiffe://cluster.local/ns/default/sa/proxy'], hosts: ['proxy.test'] }),
  authority.issue({ uris: ['spiffe://cluster.local/ns/default/sa/client'] }),
  authority.issue({ uris: ['spiffe://cluster.local/ns/default/sa/service'] }),
])
const folder = mkdtempSync(join(tmpdir(), 'meltemi-tls-doc-'))
after(() => rmSync(folder, { recursive: true }))
for (const [name, text] of [
  ['tls.crt', own.chain],
  ['tls.key', own.privateKey],
  ['ca.crt', authority.pem],
] as const)
  writeFileSync(join(folder, name), text)

const here = (text: string): string => text.replaceAll('/etc/certs', folder)

test('the page has three examples, and the first one is a proxy with mTLS on both sides', async () => {
  assert.equal(blocks.length, 3)
  const tls = { ca: authority.pem, cert: service.chain, key: service.privateKey, requestCert: true }
  await using server = await startEchoServer({ codec: awesomerpc, tls })
  const port = await freePort()
  const text = here(bootstrap).replace('9443', String(port)).replace('9444', String(server.port))
  assert.deepEqual(parseBootstrap(text, 'tls.yaml').problems, [])
  const file = join(folder, 'bootstrap.yaml')
  writeFileSync(file, text)
  await using proxy = new MeltemiProcess(['proxy', '-c', file, '--admin-address', '127.0.0.1:0'])
  await proxy.said(/"msg":"listening"/)
  const as = { ca: authority.pem, cert: client.chain, key: client.privateKey, servername: 'proxy.test' }
  await using peer = await connectClient({ port, codec: awesomerpc, tls: as })
  assert.equal((await peer.request(awesomerpcFrame({ id: 1 }))).status, ResponseStatus.Ok)
  await proxy.said(/spiffe:\/\/cluster\.local\/ns\/default\/sa\/client TLSv1\.3\n/)
  const socket = server.connections[0]?.socket as TLSSocket & { readonly servername?: string }
  assert.equal(socket.servername, 'service.test')
})

test('the second one is a file of secrets', () => {
  const [secret] = parseSecretFile(here(secretFile), 'secrets.yaml')
  assert.deepEqual([secret?.name, secret?.kind], ['own', 'certificate'])
})

test('the third one is a resource without a problem', () => {
  const { resources, problems } = parseResources(rule, 'rule.yaml')
  assert.deepEqual([resources.length, problems], [1, []])
})
