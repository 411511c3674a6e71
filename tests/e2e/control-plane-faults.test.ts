/** What goes wrong with a control plane must not be felt by traffic. docs/operations.md has the table of what is tried here. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fleet } from '../../benchmarks/control-plane/fleet.ts'
import { SimulatedProxy } from '../../benchmarks/control-plane/simulated-proxy.ts'
import { freePort, GREETER_HOST } from '../harness/index.ts'
import { MESH_RESOURCES, routerTo, type SteeredMesh, startSteeredMesh } from '../harness/steered-mesh.ts'

const BREAK_TRANSLATOR = new URL('../harness/break-translator.ts', import.meta.url).href
const OTHER_HOST = 'other.default.svc.cluster.local'

function otherService(port: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: other }
spec:
  hosts: [${OTHER_HOST}]
  ports: [{ number: ${port}, name: tcp-metaprotocol-awesomerpc, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.2 }]
`
}

async function until(isMet: () => boolean | Promise<boolean>, what: string, withinMs = 20_000): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await isMet())) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`)
    await sleep(10)
  }
}

test('a control plane that is killed in the middle of a push brings everybody to the new state when it is back', async () => {
  await using mesh = await startSteeredMesh()
  let onFirst: (() => void) | undefined
  const proxies = simulate(mesh, 300, () => onFirst?.())
  await until(() => proxies.every(({ size }) => size === MESH_RESOURCES), 'simulated proxies that have everything')
  let version = 0
  let had = 0
  // the middle is short: it is tried again where all or none of the proxies had the change already
  for (let round = 0; round < 8 && (had === 0 || had === proxies.length); round++) {
    const before = versionsOf(mesh, proxies)
    const killed = Promise.withResolvers<void>()
    onFirst = () => {
      onFirst = undefined
      mesh.killControlPlane().then(killed.resolve, killed.reject)
    }
    version = version === 1 ? 2 : 1
    mesh.route(version)
    await killed.promise
    await sleep(100)
    had = versionsOf(mesh, proxies).filter((each, index) => each !== before[index]).length
    await mesh.startControlPlane()
    await mesh.reaches(version)
  }
  assert.ok(had > 0 && had < proxies.length, `${had} of ${proxies.length} proxies had the change in the middle`)
  await until(() => new Set(versionsOf(mesh, proxies)).size === 1, 'proxies that all have the same routes', 60_000)
  for (const proxy of proxies) proxy.close()
  await mesh.allAnswered()
})

test('a control plane that hangs is waited for, and goes on where it was', async () => {
  await using mesh = await startSteeredMesh()
  const { child } = mesh.controlPlane.process
  child.kill('SIGSTOP')
  mesh.route(1)
  await sleep(3_000)
  await mesh.reaches(0)
  child.kill('SIGCONT')
  await mesh.reaches(1)
  await mesh.allAnswered()
})

test('five hundred proxies that come back at once are all served, while traffic goes on', async () => {
  await using mesh = await startSteeredMesh()
  using fleet = new Fleet()
  const plans = Array.from({ length: 500 }, (_, index) => planOf(mesh, `simulated-${index}`))
  const { streams } = await fleet.connect(mesh.controlPlane.xdsPort, plans)
  assert.equal(streams, plans.length)
  await mesh.killControlPlane()
  mesh.route(1)
  const served = fleet.routes()
  await mesh.startControlPlane()
  await mesh.reaches(1)
  await served
  mesh.route(2)
  await mesh.reaches(2)
  await mesh.allAnswered()
})

test('a file that is written piece by piece counts when it is whole', async () => {
  await using mesh = await startSteeredMesh()
  const file = join(mesh.folder.path, 'greeter.yaml')
  const text = `# written anew\n${readFileSync(file, 'utf8').replace('metadata: { name: greeter,', 'metadata: { name: greeter, labels: { new: new },')}`
  writeFileSync(file, '')
  // pieces that end with a line are the worst: what is there by then means something
  for (const piece of text.match(/.{1,60}\n?|\n/g) ?? []) {
    appendFileSync(file, piece)
    await sleep(160)
  }
  mesh.route(1)
  await mesh.reaches(1)
  await mesh.allAnswered()
})

test('a file that is cut off in the middle keeps what it said, and counts again when it is whole', async () => {
  await using mesh = await startSteeredMesh()
  const file = join(mesh.folder.path, 'greeter.yaml')
  const text = readFileSync(file, 'utf8')
  for (const length of [0, 400, Math.floor(text.length / 2)]) {
    writeFileSync(file, text.slice(0, length))
    await sleep(5_000)
  }
  mesh.route(1)
  await mesh.reaches(1)
  writeFileSync(file, text)
  mesh.route(2)
  await mesh.reaches(2)
  await mesh.allAnswered()
})

test('a folder that is gone leaves everything as it was, and is read when it is back', async () => {
  await using mesh = await startSteeredMesh()
  const { path } = mesh.folder
  renameSync(path, `${path}.away`)
  await sleep(1_500)
  renameSync(`${path}.away`, path)
  mesh.route(1)
  await mesh.reaches(1)
  const copy = mkdtempSync(join(tmpdir(), 'meltemi-copy-'))
  cpSync(path, copy, { recursive: true })
  rmSync(path, { recursive: true })
  await sleep(1_500)
  mkdirSync(path)
  cpSync(copy, path, { recursive: true })
  rmSync(copy, { recursive: true })
  mesh.route(2)
  await mesh.reaches(2)
  await mesh.allAnswered()
})

test('a resource that breaks a translator costs only its own service, which stays as it was', async () => {
  await using mesh = await startSteeredMesh({ nodeArgs: [`--import=${BREAK_TRANSLATOR}`] })
  mesh.folder.write('router.yaml', routerTo(1).replace('name: all', 'match: { attributes: { breaks: { exact: x } } }'))
  mesh.folder.write('other.yaml', otherService(await freePort()))
  await until(async () => (await acceptedOf(mesh, 'greeter'))?.reason === 'TranslationFailed', 'the fault to be told')
  const { message } = (await acceptedOf(mesh, 'greeter')) ?? {}
  assert.equal(message, `service ${GREETER_HOST} stays as it was: a translator with a fault`)
  await until(async () => (await mesh.proxy.get('/config_dump')).text.includes(OTHER_HOST), 'the other service')
  await mesh.reaches(0)
  mesh.route(2)
  await mesh.reaches(2)
  assert.equal((await acceptedOf(mesh, 'greeter'))?.reason, 'Accepted')
  await mesh.allAnswered()
})

test('a disk that is full refuses a change with why, and takes it when there is room', async (t) => {
  using disk = tryTinyDisk()
  if (disk === undefined) return t.skip('only root can mount a file system of its own')
  await using mesh = await startSteeredMesh({ parent: disk.path })
  const filler = join(disk.path, 'filler')
  fill(filler)
  const files = readdirSync(mesh.folder.path)
  const refused = await put(mesh, 1)
  assert.equal(refused.status, 503)
  assert.match(refused.text, /no space is left on the disk/)
  assert.deepEqual(readdirSync(mesh.folder.path), files)
  assert.equal(readFileSync(join(mesh.folder.path, 'router.yaml'), 'utf8'), routerTo(0))
  // an editor that does not care whether there is room empties the file, and cannot fill it again
  const file = join(mesh.folder.path, 'router.yaml')
  writeFileSync(file, '')
  fill(filler)
  assert.throws(() => writeFileSync(file, routerTo(1)), { code: 'ENOSPC' })
  await sleep(2_500)
  await mesh.reaches(0)
  rmSync(filler)
  mesh.route(1)
  await mesh.reaches(1)
  assert.equal((await put(mesh, 2)).status, 200)
  await mesh.reaches(2)
  await mesh.allAnswered()
})

function planOf(mesh: SteeredMesh, id: string) {
  return { id, scope: undefined, routes: [mesh.routesName], resources: MESH_RESOURCES }
}

/** In this process, so that what they get is known at once. */
function simulate(mesh: SteeredMesh, count: number, onResponse: () => void): readonly SimulatedProxy[] {
  const address = `127.0.0.1:${mesh.controlPlane.xdsPort}`
  return Array.from({ length: count }, (_, index) => {
    const proxy = new SimulatedProxy({ ...planOf(mesh, `simulated-${index}`), address, onResponse })
    proxy.connect()
    return proxy
  })
}

function versionsOf({ routesName }: SteeredMesh, proxies: readonly SimulatedProxy[]) {
  return proxies.map((proxy) => proxy.versionOf('route', routesName))
}

const ROUTERS = '/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/default/metarouters'

interface Accepted {
  readonly reason: string
  readonly message: string
}

/** What the control plane says of a router. */
async function acceptedOf({ controlPlane }: SteeredMesh, name: string): Promise<Accepted | undefined> {
  const reply = await fetch(`${controlPlane.apiUrl}${ROUTERS}/${name}`)
  const { status } = (await reply.json()) as { status?: { conditions?: Accepted[] } }
  return status?.conditions?.[0]
}

async function put({ controlPlane }: SteeredMesh, version: number) {
  const { apiUrl, token } = controlPlane
  const url = `${apiUrl}${ROUTERS}/greeter`
  const current = (await (await fetch(url)).json()) as {
    spec: { routes: { route: { destination: { subset: string } }[] }[] }
  }
  const [target] = current.spec.routes[0]?.route ?? []
  assert.ok(target)
  target.destination.subset = `v${version}`
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const reply = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(current) })
  return { status: reply.status, text: await reply.text() }
}

/** A file system of 256 KiB; undefined where none can be had. */
function tryTinyDisk(): (Disposable & { readonly path: string }) | undefined {
  const path = mkdtempSync(join(tmpdir(), 'meltemi-disk-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path])
  const remove = () => rmSync(path, { recursive: true, force: true })
  if (status !== 0) {
    remove()
    return undefined
  }
  return {
    path,
    [Symbol.dispose]() {
      spawnSync('umount', ['--lazy', path])
      remove()
    },
  }
}

/** Until nothing more goes in, not even a byte. */
function fill(file: string): void {
  for (const size of [4096, 64, 1]) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(size))
    } catch {
      // smaller pieces may still fit
    }
  }
}
