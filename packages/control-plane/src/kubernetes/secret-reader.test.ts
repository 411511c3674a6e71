import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { readSecrets } from './secret-reader.ts'
import { connectTo } from './testing/connect-to.ts'

/** Answers by the name of the Secret. */
async function startApi(answer: (name: string, response: ServerResponse) => void) {
  const asked: string[] = []
  const server = createServer(({ url = '' }, response) => {
    asked.push(url)
    answer(url.split('/').at(-1) ?? '', response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cluster = await connectTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const close = async () => {
    server.closeAllConnections()
    server.close()
  }
  return { asked, cluster, [Symbol.asyncDispose]: close }
}

test('says what Secrets have, or in words of its own why nobody knows', async () => {
  const statuses: Readonly<Record<string, number>> = { gone: 404, mine: 403, odd: 500 }
  await using api = await startApi((name, response) => {
    response.statusCode = statuses[name] ?? 200
    const data = { password: Buffer.from('hidden\n').toString('base64') }
    if (name === 'broken') response.end('{"data": "aGlkZGVu"')
    else response.end(JSON.stringify(name === 'empty' ? {} : { data, message: 'hidden' }))
  })
  const names = ['right', 'empty', 'gone', 'mine', 'odd', 'broken'].map((name) => `shop/${name}`)
  const found = await readSecrets(api.cluster, names, new AbortController().signal)
  assert.deepEqual(api.asked.toSorted()[0], '/api/v1/namespaces/shop/secrets/broken')
  assert.deepEqual(found.get('shop/right'), new Map([['password', 'hidden\n']]))
  assert.deepEqual(found.get('shop/empty'), new Map())
  assert.deepEqual(found.get('shop/gone'), { fault: 'is not there' })
  assert.deepEqual(found.get('shop/mine'), { fault: 'may not be read: the account has no permission for it' })
  assert.deepEqual(found.get('shop/odd'), { fault: 'cannot be read: the API server answers 500' })
  assert.deepEqual(found.get('shop/broken'), { fault: 'cannot be read: the API server does not answer' })
})

test('asks for some at a time, and for no more when it is stopped', async () => {
  const stopping = new AbortController()
  await using api = await startApi(() => {
    if (api.asked.length === 8) stopping.abort()
  })
  const names = Array.from({ length: 20 }, (_, index) => `shop/s${index}`)
  const found = await readSecrets(api.cluster, names, stopping.signal)
  assert.equal(api.asked.length, 8)
  assert.deepEqual([...new Set(found.values())].length, 8)
  assert.deepEqual(found.get('shop/s0'), { fault: 'cannot be read: the API server does not answer' })
})

test('asks for nothing where nothing is named', async () => {
  await using api = await startApi(() => {})
  assert.equal((await readSecrets(api.cluster, [], new AbortController().signal)).size, 0)
  assert.deepEqual(api.asked, [])
})
