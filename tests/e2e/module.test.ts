import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { ROOT } from '../../scripts/workspace.ts'

const KIND = 8
const REPLY = 1
const REQUEST = Buffer.from('0000000b0000002a00036164640102', 'hex')

/** A service that makes each request its own reply; returns what it got as well. */
async function startService(t: { after(end: () => void): void }): Promise<{ port: number; received: Buffer[] }> {
  const received: Buffer[] = []
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('data', (request) => {
      received.push(request)
      const reply = Buffer.from(request)
      reply[KIND] = REPLY
      socket.write(reply)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, received }
}

/** The port that the proxy says it listens on. */
async function listeningPort(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stderr! })) {
    const address = /"listening"/.test(line) ? /"address":"127\.0\.0\.1:(\d+)"/.exec(line) : null
    if (address !== null) return Number(address[1])
  }
  throw new Error('the proxy ended without listening')
}

test('a TypeScript codec that lies anywhere serves requests in a worker thread', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-module-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const page = readFileSync(join(ROOT, 'docs/write-a-codec.md'), 'utf8')
  writeFileSync(join(folder, 'my-codec.ts'), /^```ts\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '')
  const service = await startService(t)
  const sample = readFileSync(join(ROOT, 'docs/sample.yaml'), 'utf8')
    .replace('aeraki.meta_protocol.codec.awesomerpc', 'example.codec.mine')
    .replace('name: cmd', 'name: method')
    .replace('exact: "1"', 'exact: none')
    .replaceAll(/port_value: (9000|15000)/g, 'port_value: 0')
    .replaceAll('port_value: 9001', `port_value: ${service.port}`)
  writeFileSync(join(folder, 'proxy.yaml'), sample)

  const command = ['--conditions=meltemi-source', join(ROOT, 'packages/cli/src/main.ts')]
  const args = ['proxy', '-c', 'proxy.yaml', '--module', './my-codec.ts', '--drain-time-s', '1']
  const child = spawn(process.execPath, [...command, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const client = connect(await listeningPort(child), '127.0.0.1')
  t.after(() => client.destroy())
  client.write(REQUEST)
  const [reply] = (await once(client, 'data')) as [Buffer]

  const expected = Buffer.from(REQUEST)
  expected[KIND] = REPLY
  assert.deepEqual(reply, expected)
  assert.equal(service.received.length, 1)
  client.end()
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})
