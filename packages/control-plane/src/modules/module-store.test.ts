import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { ApplicationProtocol } from '@meltemi/api'
import { systemClock } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { resources } from '../testing/resources.ts'
import { localMetrics, memoryLogger, valueOf } from '../testing/silent.ts'
import { ModuleStore, type ModuleStoreOptions } from './module-store.ts'

const SOURCE = 'export const codecs = []\n'
const DIGEST = digestOf(SOURCE)
const KEY = 'ApplicationProtocol//mine'

let folder = ''
let store: Store
const servers: Server[] = []

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** A store that can be waited for. */
class Store {
  readonly metrics = localMetrics()
  readonly lines: string[] = []
  readonly modules: ModuleStore
  #changed: () => void = () => {}

  constructor(options: Partial<ModuleStoreOptions> = {}) {
    this.modules = new ModuleStore({
      cacheDirectory: undefined,
      logger: memoryLogger(this.lines),
      metrics: this.metrics,
      clock: systemClock,
      onChange: () => this.#changed(),
      ...options,
    })
  }

  get state() {
    return this.modules.states.get(KEY)
  }

  async want(url: string, sha256 = DIGEST, file = join(folder, 'resources.yaml')): Promise<void> {
    const changed = this.next()
    this.modules.want([{ protocol: protocol(url, sha256), file }])
    await changed
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve
    })
  }
}

function protocol(url: string, sha256: string): ApplicationProtocol {
  const [resource] = resources(`
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: mine }
spec: { protocol: mine, codec: my.codec, module: { url: ${JSON.stringify(url)}, sha256: ${sha256} } }
`)
  assert.ok(resource?.kind === 'ApplicationProtocol')
  return resource
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Where nobody listens any more. */
async function closedServer(): Promise<string> {
  const url = await serve(() => {})
  await new Promise((resolve) => servers.pop()?.close(resolve))
  return url
}

describe('a store of modules', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meltemi-modules-'))
  })

  afterEach(async () => {
    store.modules.close()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
    await rm(folder, { recursive: true, force: true })
  })

  describe('a module', () => {
    test('in a file beside the resource is there', async () => {
      await writeFile(join(folder, 'codec.mjs'), SOURCE)
      store = new Store()
      await store.want('file:codec.mjs', DIGEST.toUpperCase())
      assert.deepEqual(store.state?.problem, '')
      assert.equal(store.state?.module?.digest, DIGEST)
      assert.equal(Buffer.from(store.state?.module?.source ?? []).toString(), SOURCE)
    })

    test('is pending until it is there', async () => {
      store = new Store()
      store.modules.want([{ protocol: protocol(await serve(() => {}), DIGEST), file: '' }])
      assert.ok(store.modules.hasPending)
      assert.deepEqual(store.state, { module: undefined, problem: 'the module is being fetched', isPending: true })
    })

    test('over HTTP is there, also after redirects', async () => {
      const base = await serve((request, response) => {
        if (request.url === '/codec.mjs') response.end(SOURCE)
        else response.writeHead(302, { location: '/codec.mjs' }).end()
      })
      store = new Store()
      await store.want(`${base}/moved`)
      assert.equal(store.state?.module?.digest, DIGEST)
    })

    test('is kept on disk, from which it is there at the next start, however the network is', async () => {
      const cacheDirectory = join(folder, 'cache')
      await writeFile(join(folder, 'codec.mjs'), SOURCE)
      store = new Store({ cacheDirectory })
      await store.want('file:codec.mjs')
      assert.deepEqual(await readdir(cacheDirectory), [DIGEST])
      store.modules.close()
      store = new Store({ cacheDirectory })
      await store.want('http://127.0.0.1:1/')
      assert.equal(store.state?.module?.digest, DIGEST)
      await writeFile(join(cacheDirectory, DIGEST), 'spoilt')
      store.modules.close()
      store = new Store({ cacheDirectory })
      await store.want('http://127.0.0.1:1/')
      assert.equal(store.state?.module, undefined)
    })

    test('that nobody wants any more is no longer there', async () => {
      await writeFile(join(folder, 'codec.mjs'), SOURCE)
      store = new Store()
      await store.want('file:codec.mjs')
      store.modules.want([])
      assert.equal(store.modules.states.size, 0)
    })
  })

  describe('what cannot be had', () => {
    const reasons: readonly (readonly [what: string, url: () => string | Promise<string>, reason: RegExp])[] = [
      ['a file that is not there', () => 'file:nowhere.mjs', /no such file/],
      ['a server that is not there', closedServer, /ECONNREFUSED/],
      ['an error', () => serve((_, response) => void response.writeHead(404).end('no')), /HTTP status 404/],
      [
        'redirects without end',
        () => serve((_, response) => void response.writeHead(302, { location: '/' }).end()),
        /more than 5 redirects/,
      ],
      [
        'a redirect to a file of this machine',
        () => serve((_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end()),
        /redirected from http: to file:/,
      ],
      [
        'more than a module may have',
        () => serve((_, response) => void response.end(Buffer.alloc(5 * 1024 * 1024))),
        /has more than 4194304 bytes/,
      ],
      [
        'another digest',
        () => serve((_, response) => void response.end('export {}')),
        /has the digest [0-9a-f]{64}, not/,
      ],
      ['an answer that does not end', () => serve((_, response) => void response.write('x')), /within 200 ms/],
      ['a URL with a password', () => 'http://me:secret@127.0.0.1:1/', /password are not supported/],
    ]
    for (const [what, url, reason] of reasons) {
      test(`${what}: says why, and keeps the module from before`, async () => {
        await writeFile(join(folder, 'codec.mjs'), SOURCE)
        store = new Store({ timeoutMs: 200 })
        await store.want('file:codec.mjs')
        const good = store.state?.module
        assert.ok(good)
        await store.want(await url(), 'f'.repeat(64))
        assert.match(store.state?.problem ?? '', reason)
        assert.match(store.state?.problem ?? '', /the one before stays in force$/)
        assert.ok(!store.state?.problem.includes('secret'))
        assert.equal(store.state?.module, good)
        assert.equal(store.state?.isPending, false)
        assert.equal(valueOf(store.metrics, 'control_plane.module_fetch_failures'), 1)
        assert.ok(!store.lines.some((line) => line.includes('secret')))
      })
    }

    test('is tried again, later each time, until it is there', async () => {
      const clock = new FakeClock()
      store = new Store({ clock })
      await store.want('file:codec.mjs')
      assert.match(store.state?.problem ?? '', /services of the protocol wait for it$/)
      for (const delayMs of [2_000, 4_000, 8_000]) {
        const tried = store.next()
        clock.advance(delayMs - 1)
        const before = valueOf(store.metrics, 'control_plane.module_fetches')
        clock.advance(1)
        await tried
        assert.equal(valueOf(store.metrics, 'control_plane.module_fetches'), before + 1)
      }
      await writeFile(join(folder, 'codec.mjs'), SOURCE)
      const tried = store.next()
      clock.advance(16_000)
      await tried
      assert.equal(store.state?.module?.digest, DIGEST)
      assert.equal(clock.pendingTimers, 0)
    })
  })
})
