import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { encodeRoutes } from '@meltemi/api/encode'
import { ApiHarness } from './testing/api-harness.ts'
import { MemoryBackend, metaRouter } from './testing/memory-backend.ts'

const CONTENT_TYPES: Readonly<Record<string, RegExp>> = {
  '.css': /^text\/css/,
  '.js': /^text\/javascript/,
  '.svg': /^image\/svg\+xml$/,
}

let harness: ApiHarness
before(async () => {
  harness = await ApiHarness.start(new MemoryBackend([metaRouter('a')]))
})
after(() => harness.close())

test('the page loads nothing but its own files, and runs nothing that stands in it', async () => {
  const { status, text, headers } = await harness.call('/')
  assert.equal(status, 200)
  const policy = String(headers['content-security-policy'])
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/)
  assert.doesNotMatch(policy, /unsafe|\*|https?:/)
  assert.doesNotMatch(text, /<script(?![^>]*\ssrc=)|\son[a-z]+=|\sstyle=|javascript:/i)
  const loaded = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path)

  const modules = new Set(loaded)
  for (const path of modules) {
    const file = await harness.call(path)
    assert.equal(file.status, 200, path)
    assert.match(String(file.headers['content-type']), CONTENT_TYPES[path.slice(path.lastIndexOf('.'))] as RegExp)
    for (const [, name] of path.includes('uplot') ? [] : file.text.matchAll(/from '\.\/([a-z]+\.js)'/g))
      modules.add(`/page/${name}`)
    assert.doesNotMatch(
      path.includes('uplot') ? '' : file.text,
      /https?:(?!\/\/www\.w3\.org\/2000\/svg")|innerHTML|eval\(/,
      path,
    )
  }
  assert.ok(modules.size >= 7, [...modules].join(' '))
  assert.equal((await harness.call('/page/../api.ts')).status, 404)
  assert.equal((await harness.call('/page/none.js')).status, 404)
})

test('live has traffic, proxies, resources and problems, and history by service', async () => {
  harness.traffic.add({
    service: 'greeter',
    version: 'v1',
    method: 'hello',
    requests: 4,
    errors: 1,
    latencyCounts: [0, 4],
  })
  const { json } = await harness.call('/live')
  assert.equal(json.isReady, true)
  assert.deepEqual(
    json.traffic.map(({ service, version, method }: Record<string, string>) => [service, version, method]),
    [
      ['greeter', undefined, undefined],
      ['greeter', 'v1', undefined],
      ['greeter', 'v1', 'hello'],
    ],
  )
  assert.deepEqual(json.resources.shown[0], {
    kind: 'MetaRouter',
    namespace: 'default',
    name: 'a',
    isAccepted: true,
    reason: 'Accepted',
    message: '',
    proxies: { synced: 2, total: 3, notSynced: [{ proxy: 'c', reason: 'not connected long enough' }] },
    origin: 'memory',
  })
  assert.deepEqual([json.proxies.total, json.problems], [0, []])
  const history = await harness.call('/live/history?service=greeter')
  assert.deepEqual([history.json.slotMs, history.json.histories.length], [2_000, 2])
  assert.equal(history.json.histories[0].requests.length, 299)
  assert.deepEqual((await harness.call('/live/history?service=none')).json.histories, [])
  assert.equal((await harness.call('/live/history')).status, 400)
})

test('proxies are listed once each, and what one was sent is shown as JSON', async () => {
  const node = { id: 'sidecar~10.0.0.1~a/b.default~x', cluster: '', metadata: {}, userAgent: 'envoy' }
  const types = [{ type: 'route', state: 'synced', sentVersion: '7', ackedVersion: '7', error: '' }] as const
  harness.backend.connected = [
    { node, connectedAt: '2026-01-01T00:00:00Z', snapshotVersion: '7', types },
    { node, connectedAt: '2026-01-01T00:00:01Z', snapshotVersion: '7', types: [] },
  ]
  const value = encodeRoutes({ name: 'greeter_9090', routes: [] })
  const none = new Map()
  harness.backend.snapshots.set(node.id, {
    version: '7',
    resources: {
      extensionConfig: none,
      secret: none,
      cluster: none,
      endpoint: none,
      listener: none,
      route: new Map([['greeter_9090', { type: 'route', name: 'greeter_9090', version: 'x', value }]]),
    },
  })
  const list = (await harness.call('/proxies')).json.proxies
  assert.deepEqual([list.length, list[0].streams, list[0].node.id], [1, 2, node.id])
  assert.equal(list[0].codecs, undefined)
  harness.codecs.set({}, node.id, [{ codec: 'mine', digest: 'a'.repeat(64) }])
  harness.codecs.set({}, 'another', [])
  const [reported] = (await harness.call('/proxies')).json.proxies
  assert.deepEqual(reported.codecs, [{ codec: 'mine', digest: 'a'.repeat(64) }])
  const path = `/proxies/${encodeURIComponent(node.id)}/config`
  const { json } = await harness.call(`${path}?type=routes`)
  assert.deepEqual([json.proxy, json.version, json.resources.length], [node.id, '7', 1])
  assert.equal(json.resources[0].config.virtual_hosts[0].name, 'dummy')
  assert.deepEqual((await harness.call(`${path}?type=clusters`)).json.resources, [])
  for (const query of ['', '?type=secrets', '?type=__proto__'])
    assert.equal((await harness.call(path + query)).status, 400)
  assert.equal((await harness.call('/proxies/none/config?type=routes')).status, 404)
})
