import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import {
  awesomerpcFrame,
  closing,
  connectClient,
  freePort,
  GREETER_HOST,
  MeltemiProcess,
  MeshFolder,
  type RawClient,
  silent,
  startEchoServer,
} from '../harness/index.ts'

const UP = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']
const EFFECT_TIMEOUT_MS = 10_000

function router(fields: string): string {
  return `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: greeter }
spec:
  hosts: [${GREETER_HOST}]
  routes:
    - name: all
${fields}
      route:
        - destination: { host: ${GREETER_HOST} }
`
}

async function ask(client: RawClient, id: number): Promise<string> {
  const reply = await client.request(awesomerpcFrame({ id, body: 'hello' }))
  return reply.message.subarray(reply.headerSize).toString()
}

/** Resolves when so many requests in a row are answered well, or none is. */
async function untilAll(client: RawClient, isGood: boolean): Promise<void> {
  const endMs = performance.now() + EFFECT_TIMEOUT_MS
  for (let id = 1, inRow = 0; inRow < 6; id++) {
    inRow = ((await ask(client, id)) === 'hello') === isGood ? inRow + 1 : 0
    assert.ok(performance.now() < endMs, `requests are not ${isGood ? '' : 'not '}answered`)
    if (inRow === 0) await sleep(20)
  }
}

test('a MetaRouter gives requests their time and their retries, from a file to the proxy', async () => {
  await using bad = await startEchoServer({ codec: awesomerpc, handler: closing })
  await using good = await startEchoServer({ codec: awesomerpc })
  const port = await freePort()
  using folder = new MeshFolder({ port, versions: { v1: bad.port, v2: good.port } })
  const retries = 'retries: { attempts: 2, retryOn: "reset,non-idempotent", perTryTimeout: 1s, backoff: 1ms }'
  folder.write('router.yaml', router(`      timeout: 5s\n      ${retries}`))
  const env = { XDG_RUNTIME_DIR: folder.path }
  await using up = new MeltemiProcess(['up', folder.path, ...UP], { env })
  await up.said(/^ready: .*\n/m)
  await using client = await connectClient({ port, codec: awesomerpc })
  await untilAll(client, true)
  assert.ok(bad.received.length > 0, 'nothing was tried again')
})

test('the timeout of a MetaRouter ends requests that nobody answers', async () => {
  await using mute = await startEchoServer({ codec: awesomerpc, handler: silent })
  const port = await freePort()
  using folder = new MeshFolder({ port, versions: { v1: mute.port } })
  folder.write('router.yaml', router('      timeout: 50ms'))
  const env = { XDG_RUNTIME_DIR: folder.path }
  await using up = new MeltemiProcess(['up', folder.path, ...UP], { env })
  await up.said(/^ready: .*\n/m)
  await using client = await connectClient({ port, codec: awesomerpc })
  // without it the client itself would give up before the 15 s of the listener
  assert.notEqual(await ask(client, 1), 'hello')
})
