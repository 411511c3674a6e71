import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { keyOf } from '@meltemi/api'
import { ApiHarness } from './testing/api-harness.ts'
import { MemoryBackend, metaRouter } from './testing/memory-backend.ts'

const ROUTERS = '/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/default/metarouters'

interface WatchEvent {
  readonly type: string
  readonly object: { readonly metadata: { readonly name: string }; readonly reason?: string; readonly rows?: unknown[] }
}

let harness: ApiHarness
before(async () => {
  harness = await ApiHarness.start(new MemoryBackend([metaRouter('a')]))
})
after(() => harness.close())

/** A watch whose events are read one by one. */
async function watch(query: string, headers: Readonly<Record<string, string>> = {}) {
  const ending = new AbortController()
  const reply = await fetch(`${harness.url}${ROUTERS}?watch=true&${query}`, { headers, signal: ending.signal })
  assert.equal(reply.status, 200)
  const reader = (reply.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ''
  return {
    async next(): Promise<WatchEvent | undefined> {
      for (;;) {
        const end = text.indexOf('\n')
        if (end >= 0) {
          const line = text.slice(0, end)
          text = text.slice(end + 1)
          return JSON.parse(line) as WatchEvent
        }
        const { value, done } = await reader.read()
        if (done) return undefined
        text += decoder.decode(value, { stream: true })
      }
    },
    end: () => ending.abort(),
  }
}

async function read(watcher: Awaited<ReturnType<typeof watch>>, count: number): Promise<string[]> {
  const events: string[] = []
  for (let n = 0; n < count; n++) {
    const event = await watcher.next()
    events.push(event === undefined ? 'end' : `${event.type} ${event.object.metadata.name}`)
  }
  return events
}

test('a watch begins with what is there and goes on with each change', async () => {
  const watcher = await watch('')
  assert.deepEqual(await read(watcher, 1), ['ADDED a'])
  harness.backend.put(metaRouter('b'))
  harness.backend.put(metaRouter('b', { host: 'other.example.com' }))
  harness.backend.remove(keyOf(metaRouter('b')))
  assert.deepEqual(await read(watcher, 3), ['ADDED b', 'MODIFIED b', 'DELETED b'])
  watcher.end()
})

test('a watch from the version of a list misses nothing and repeats nothing', async () => {
  const list = await harness.call(ROUTERS)
  harness.backend.put(metaRouter('c'))
  const watcher = await watch(`resourceVersion=${list.json.metadata.resourceVersion}`)
  harness.backend.remove(keyOf(metaRouter('c')))
  assert.deepEqual(await read(watcher, 2), ['ADDED c', 'DELETED c'])
  watcher.end()
})

test('what begins or ceases to have the labels comes or goes', async () => {
  const watcher = await watch('labelSelector=app%3Dx')
  harness.backend.put(metaRouter('d'))
  harness.backend.put(metaRouter('d', { labels: { app: 'x' } }))
  harness.backend.put(metaRouter('d', { labels: { app: 'x', tier: '1' } }))
  harness.backend.put(metaRouter('d', { labels: { app: 'y' } }))
  harness.backend.remove(keyOf(metaRouter('d')))
  harness.backend.put(metaRouter('e', { labels: { app: 'x' } }))
  assert.deepEqual(await read(watcher, 4), ['ADDED d', 'MODIFIED d', 'DELETED d', 'ADDED e'])
  harness.backend.remove(keyOf(metaRouter('e')))
  watcher.end()
})

test('a version of another time ends with an error that says so', async () => {
  for (const version of ['1', '999999999999999']) {
    const watcher = await watch(`resourceVersion=${version}`)
    const event = await watcher.next()
    assert.deepEqual([event?.type, event?.object.reason], ['ERROR', 'Expired'])
    assert.equal(await watcher.next(), undefined)
  }
  const bad = await harness.call(`${ROUTERS}?watch=true&resourceVersion=x`)
  assert.deepEqual([bad.status, bad.json.reason], [400, 'BadRequest'])
})

test('rows come to who asks for a table', async () => {
  const watcher = await watch('', { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })
  assert.equal((await watcher.next())?.object.rows?.length, 1)
  watcher.end()
})

test('a watch lasts no longer than it was asked to', async () => {
  const watcher = await watch('timeoutSeconds=1')
  assert.deepEqual(await read(watcher, 2), ['ADDED a', 'end'])
  assert.equal((await harness.call(`${ROUTERS}?watch=true&timeoutSeconds=0`)).status, 400)
})

test('a watcher that does not read is cut off and counted, whatever happens meanwhile', async () => {
  const slow = await ApiHarness.start(new MemoryBackend(), { stallTimeoutMs: 100 })
  const socket = connect(slow.api.address.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.pause()
  socket.write(`GET ${ROUTERS}?watch=true HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  const closed = once(socket, 'close')
  const label = 'x'.repeat(60)
  const labels = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`label-${n}`, label]))
  while (slow.metric('control_plane.api_streams_too_slow') === 0) {
    slow.backend.put(metaRouter('large', { labels }))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  assert.equal(slow.metric('control_plane.api_streams_active'), 0)
  socket.on('error', () => {}) // it may be a reset
  socket.resume()
  await closed
  await slow.close()
})

test('watchers that leave are forgotten, and the end of the API ends those that stay', async () => {
  const own = await ApiHarness.start()
  const open = async (signal?: AbortSignal) =>
    fetch(`${own.url}${ROUTERS}?watch=true`, signal === undefined ? {} : { signal })
  const leaving = new AbortController()
  await open(leaving.signal)
  const staying = await open()
  assert.equal(own.metric('control_plane.api_streams_active'), 2)
  leaving.abort()
  while (own.metric('control_plane.api_streams_active') > 1) await new Promise((resolve) => setTimeout(resolve, 5))
  const rest = staying.text()
  await own.close()
  assert.equal(await rest, '')
})

test('there are only so many watchers at a time', async () => {
  const own = await ApiHarness.start()
  const ending = new AbortController()
  const open = () => fetch(`${own.url}${ROUTERS}?watch=true`, { signal: ending.signal })
  const statuses = (await Promise.all(Array.from({ length: 130 }, open))).map(({ status }) => status)
  assert.equal(statuses.filter((status) => status === 200).length, 128)
  assert.equal(statuses.filter((status) => status === 429).length, 2)
  ending.abort()
  await own.close()
})
