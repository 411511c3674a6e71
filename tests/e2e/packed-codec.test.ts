import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type CodecDefinition, ResponseStatus } from '@meltemi/sdk'
import { ROOT } from '../../scripts/workspace.ts'
import { connectClient, startEchoServer, startProxyProcess } from '../harness/index.ts'

const KIND = 8
const REPLY = 1

const folder = mkdtempSync(join(tmpdir(), 'meltemi-packed-codec-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Runs `meltemi codec pack` on the codec of docs/write-a-codec.md and returns its module, alone in a folder. */
function packDocumentedCodec(): string {
  const page = readFileSync(join(ROOT, 'docs/write-a-codec.md'), 'utf8')
  writeFileSync(join(folder, 'my-codec.ts'), /^```ts\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '')
  const command = [
    '--conditions=meltemi-source',
    join(ROOT, 'packages/cli/src/main.ts'),
    'codec',
    'pack',
    'my-codec.ts',
  ]
  const said = execFileSync(process.execPath, command, { cwd: folder, encoding: 'utf8' })
  const lastLine = said.trimEnd().split('\n').at(-1) ?? ''
  execFileSync('sha256sum', ['-c', '--strict'], { cwd: folder, input: `${lastLine}\n` })
  const alone = join(folder, 'alone/packed.mjs')
  mkdirSync(join(folder, 'alone'))
  copyFileSync(join(folder, lastLine.slice(lastLine.indexOf('  ') + 2)), alone)
  return alone
}

function request(id: number): Buffer {
  const bytes = Buffer.from('0000000b0000000000036164640102', 'hex')
  bytes.writeUInt32BE(id, 4)
  return bytes
}

test('a packed codec serves in a worker thread from an empty folder, and its errors are those of the protocol', async () => {
  const file = packDocumentedCodec()
  const { codecs } = (await import(file)) as { codecs: readonly [CodecDefinition] }
  const [codec] = codecs
  const bad = Buffer.from('000000010000000000ff', 'hex')
  await using server = await startEchoServer({
    codec,
    handler(message, connection) {
      const reply = Buffer.from(message.message)
      reply[KIND] = REPLY
      connection.send(server.received.length === 3 ? bad : reply)
    },
  })
  await using proxy = await startProxyProcess({
    codec: codec.name,
    endpoints: [server.port],
    arguments: ['--module', file],
  })
  await using client = await connectClient({ port: proxy.port, codec })
  await using other = await connectClient({ port: proxy.port, codec })

  const replies = [await client.request(request(7)), await other.request(request(7))]
  for (const reply of replies) assert.deepEqual([reply.requestId, reply.get('method')], [7, 'add'])
  assert.equal(server.connections.length, 1)

  const failed = await client.request(request(8))
  assert.deepEqual([failed.requestId, failed.status], [8, ResponseStatus.Error])
  assert.equal(await proxy.stat('cluster.service.upstream_cx_protocol_error'), 1)

  client.send(bad)
  await client.ended()
  assert.equal(await proxy.stat('meta_protocol.test.test.request_decoding_error'), 1)
  assert.equal(await proxy.stat('meta_protocol.test.test.codec_exception'), 0)
  assert.equal(await proxy.stat('server.codec_exception'), 0)
  assert.equal((await other.request(request(9))).requestId, 9)
})
