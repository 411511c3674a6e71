import assert from 'node:assert/strict'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { type Browser, chromium, type Page } from 'playwright-core'
import { ROOT } from '../../scripts/workspace.ts'
import {
  awesomerpcFrame,
  connectClient,
  freePort,
  GREETER_HOST,
  greeterRouter,
  MeltemiProcess,
  MeshFolder,
  type RawClient,
  startEchoServer,
} from '../harness/index.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]
const SEEN_TIMEOUT_MS = 20_000
const SCREENSHOT = join(ROOT, '.tmp/page.png')

let browser: Browser
before(async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
})
after(() => browser.close())

/** Two versions of a service, the second of which fails sometimes, under `meltemi up`. */
async function startMesh() {
  const start = (version: string, failsEach: number) => {
    let requests = 0
    return startEchoServer({
      codec: awesomerpc,
      handler: (request, connection) => {
        const rspCode = ++requests % failsEach === 0 ? 1 : 0
        connection.send(awesomerpcFrame({ id: Number(request.requestId), rspCode, body: version }))
      },
    })
  }
  const servers = [await start('v1', Number.POSITIVE_INFINITY), await start('v2', 4)] as const
  const port = await freePort()
  const folder = new MeshFolder({ port, versions: { v1: servers[0].port, v2: servers[1].port } })
  folder.write('router.yaml', greeterRouter({ v1: 70, v2: 30 }))
  const listen = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']
  const up = new MeltemiProcess(['up', folder.path, ...listen, '--log-level', 'warn'], {
    env: { XDG_RUNTIME_DIR: folder.path },
  })
  const [, url = ''] = await up.said(/^ready: page and API (http:\S+\/)/m)
  return {
    folder,
    port,
    up,
    url,
    async [Symbol.asyncDispose]() {
      await up[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
      for (const server of servers) await server.close()
    },
  }
}

/** Sends 100 requests a second until it is disposed of. */
function keepAsking(client: RawClient): Disposable {
  let id = 0
  const timer = setInterval(() => {
    for (let n = 0; n < 5; n++) client.send(awesomerpcFrame({ id: ++id, body: 'hello' }))
  }, 50)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** A page with everything that went wrong on it, and every request that it made. */
async function openPage(url: string) {
  const page = await browser.newPage({ viewport: { width: 1240, height: 1150 } })
  const faults: string[] = []
  const requests: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text())
  })
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('request', (request) => requests.push(request.url()))
  await page.goto(url)
  return { page, faults, requests }
}

function seen(page: Page, selector: string, pattern: RegExp): Promise<void> {
  return page.locator(selector, { hasText: pattern }).first().waitFor({ timeout: SEEN_TIMEOUT_MS })
}

test('the page shows traffic by service and version, proxies and resources as they change', async () => {
  await using mesh = await startMesh()
  await using client = await connectClient({ port: mesh.port, codec: awesomerpc })
  using _asking = keepAsking(client)
  const { page, faults, requests } = await openPage(mesh.url)

  await seen(page, '#connection', /^live$/)
  await seen(page, '#proxies tbody tr', /synced.*meltemi/)
  await seen(page, '#resources tbody tr', /MetaRouter.*default\/greeter.*accepted.*1 of 1/)
  await seen(page, '#services tr.service', new RegExp(`^${GREETER_HOST}[1-9]\\d*`))
  await seen(page, '#services tr', /^v1[1-9]\d*.*0\.0 %/)
  await seen(page, '#services tr', /^v2[1-9]\d*.*(?:1|2|3)\d\.\d %/)
  await seen(page, '#services tr.service', new RegExp(`^${GREETER_HOST}(?:[89]\\d\\.\\d|1[0-2]\\d)`))
  await page.locator('#rate-chart canvas').waitFor()
  for (const chart of ['rate', 'errors', 'latency'])
    assert.equal(await page.locator(`#${chart}-chart canvas`).count(), 1, chart)
  await page.waitForTimeout(20_000) // for a curve that one can see
  mkdirSync(join(ROOT, '.tmp'), { recursive: true })
  await page.screenshot({ path: SCREENSHOT, fullPage: true })
  assert.ok(statSync(SCREENSHOT).size > 30_000)

  mesh.folder.write('router.yaml', greeterRouter({ v3: 100 }))
  await seen(page, '#resources tbody tr', /MetaRouter.*v3/)
  mesh.folder.write('broken.yaml', 'a: [ <img src=x onerror=alert(1)>')
  await seen(page, '#problems li', /broken\.yaml:1:\d+/)
  assert.equal(await page.locator('img').count(), 0)

  assert.deepEqual(faults, [])
  assert.deepEqual(
    requests.filter((url) => !url.startsWith(mesh.url) && !url.startsWith('data:')),
    [],
  )

  mesh.up.child.kill('SIGKILL')
  await seen(page, '#connection', /^no answer: /)
  await page.close()
})

test('a page of somebody else can neither read the API nor frame the page', async () => {
  await using mesh = await startMesh()
  await using other = new MeltemiProcess(
    ['control-plane', mesh.folder.path, '--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0'],
    {
      env: { XDG_RUNTIME_DIR: mesh.folder.path },
    },
  )
  const [, foreign = ''] = await other.said(/^ready: page and API (http:\S+\/)/m)
  const page = await browser.newPage()
  await page.goto(`${foreign}version`)
  const outcome = await page.evaluate(async (url) => {
    const read = await fetch(`${url}live`).then(
      (reply) => `read with ${reply.status}`,
      () => 'refused',
    )
    const write = await fetch(`${url}apis/metaprotocol.aeraki.io/v1alpha1/namespaces/default/metarouters`, {
      method: 'POST',
      mode: 'no-cors',
      body: '{}',
    }).then(
      (reply) => reply.type,
      () => 'refused',
    )
    return { read, write }
  }, mesh.url)
  assert.equal(outcome.read, 'refused')
  assert.ok(['opaque', 'refused'].includes(outcome.write))
  await page.close()
})
