import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Placed, placeResources } from '../../../examples/quickstart/place-resources.ts'
import { ROOT } from '../../../scripts/workspace.ts'
import { startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import { type MeshProxy, startMeshProxy } from '../../harness/mesh-proxy.ts'
import { eventually } from './eventually.ts'
import { installDefinitions } from './install-definitions.ts'
import { startKubernetes } from './start-kubernetes.ts'

/** A listener, its routes, and of the service and its two versions a cluster with its endpoints. */
const RESOURCES_OF_A_SERVICE = 8
const STEPS = join(ROOT, 'examples/quickstart/steps')
/** Of the moment, and of the control plane. */
const FLEETING = new Set(['last_updated', 'version_info', 'system_version_info'])

const PORTS = [9090, 9091, 9101, 9102, 9103, 9104] as const

/** A control plane and a proxy, and where the sample's resources stand. */
interface Mesh extends AsyncDisposable {
  readonly placed: Placed
  readonly proxy: MeshProxy
}

async function startMesh(placed: Placed, resources: string | { readonly kubeconfig: string }): Promise<Mesh> {
  const stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(placed.folder, { recursive: true, force: true }))
  const runtimeFolder = mkdtempSync(join(placed.folder, 'runtime-'))
  const { xdsPort } = stack.use(await startControlPlaneProcess({ folder: resources, runtimeFolder }))
  const proxy = stack.use(await startMeshProxy({ xdsPort }))
  return { placed, proxy, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** What its proxy has, one resource a line, with the ports of the files; but not what a cluster has besides. */
async function configurationOf({ proxy, placed }: Mesh): Promise<string> {
  const { text } = await proxy.get('/config_dump?include_eds')
  const without = (key: string, value: unknown) => (FLEETING.has(key) ? undefined : value)
  const { configs } = JSON.parse(text, without) as { configs: readonly Readonly<Record<string, unknown>>[] }
  const resources = configs.flatMap((section) => Object.values(section).flat())
  const lines = resources.map((each) => JSON.stringify(each) ?? '').filter((line) => line.includes('hello-'))
  const named = new Map(PORTS.map((port) => [String(placed.port(port)), String(port)]))
  const asInFiles = lines.map((line) => line.replace(/\d{4,5}/g, (port) => named.get(port) ?? port))
  return asInFiles.sort().join('\n')
}

test('kubectl apply -f examples/quickstart, and each of its steps, configures proxies as meltemi up does', async () => {
  await using kubernetes = await startKubernetes()
  installDefinitions(kubernetes)
  const placed = await placeResources()
  await using files = await startMesh(placed, placed.folder)
  // only now, so that it gets other ports than those that are in use
  const other = await placeResources()
  kubernetes.kubectl(['apply', '-f', other.folder])
  await using cluster = await startMesh(other, { kubeconfig: kubernetes.kubeconfig })
  const areSame = async () => (await configurationOf(files)) === (await configurationOf(cluster))
  await eventually('both have the same', areSame)
  let before = await configurationOf(files)
  assert.ok(before.split('\n').length >= 2 * RESOURCES_OF_A_SERVICE, before)
  for (const step of readdirSync(STEPS).sort().slice(1)) {
    const text = readFileSync(join(STEPS, step), 'utf8')
    writeFileSync(join(placed.folder, 'routes.yaml'), text)
    await eventually(`${step} from files`, async () => (await configurationOf(files)) !== before)
    kubernetes.kubectl(['apply', '-f', '-'], text)
    await eventually(`${step} from the cluster is the same`, areSame)
    before = await configurationOf(files)
  }
})
