import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { LOOPING_COMMAND } from '../harness/codecs/looping.ts'
import { awesomerpcFrame, connectClient, freePort, startEchoServer, startProxyProcess } from '../harness/index.ts'

const MODULE = fileURLToPath(new URL('../harness/codecs/looping.ts', import.meta.url))
const TIMEOUT_MS = 30_000

test('a listener with a thread of its own goes on, on the same connection, while another one is stuck', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const quiet = await freePort()
  await using proxy = await startProxyProcess({
    codec: 'test.looping',
    endpoints: [server.port],
    others: [{ port: quiet, cluster: 'quiet' }],
    clusters: [staticCluster('quiet', server.port)],
    arguments: ['--module', MODULE, '--own-thread', 'quiet'],
  })
  await using client = await connectClient({ port: quiet, codec: awesomerpc, timeoutMs: TIMEOUT_MS })
  await using other = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: TIMEOUT_MS })
  await client.request(awesomerpcFrame({ id: 1 }))
  await other.request(awesomerpcFrame({ id: 1 }))
  other.send(awesomerpcFrame({ id: 2, cmd: LOOPING_COMMAND }))
  let id = 1
  const isReplaced = async () =>
    (await proxy.stat('server.worker_restarted')) > 0 && (await proxy.stat('server.workers')) === 2
  while (!(await isReplaced())) await client.request(awesomerpcFrame({ id: ++id }))
  assert.ok(id > 10, `${id} answers meanwhile`)
  await using again = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: TIMEOUT_MS })
  await again.request(awesomerpcFrame({ id: 3 }))
  await client.request(awesomerpcFrame({ id: ++id }))
})

test('no proxy starts with threads that cannot be', async () => {
  const starts = [
    [['--own-thread', 'quiet', '--concurrency', '0'], /--own-thread needs a --concurrency of at least 1/],
    [['--own-thread', 'quiet', '--own-thread', 'quiet'], /--own-thread names a listener twice/],
    [['--own-thread', 'quiet', '--concurrency', '256'], /there can be 256 threads at most/],
  ] as const
  for (const [args, message] of starts) {
    await assert.rejects(startProxyProcess({ codec: awesomerpc.name, endpoints: [1], arguments: args }), message)
  }
})

function staticCluster(name: string, port: number): object {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } }
  const endpoints = [{ lb_endpoints: [{ endpoint: { address } }] }]
  return { name, type: 'STATIC', load_assignment: { cluster_name: name, endpoints } }
}
