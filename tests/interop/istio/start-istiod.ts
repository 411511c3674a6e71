/**
 * Istio's own control plane in one test: `pilot-discovery`, built from its module (`server/`), over a real API server
 * with Istio's definitions, with plain xDS on a free port of loopback. There are no nodes and no pods: services and their
 * endpoints are ServiceEntries. `scripts/setup-interop.sh kubernetes istiod` brings both.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT } from '../../../scripts/workspace.ts'
import { freePort } from '../../harness/index.ts'
import { type Kubernetes, startKubernetes } from '../kubernetes/start-kubernetes.ts'

const PROGRAM = join(ROOT, '.tmp/bin/pilot-discovery')
const DEFINITIONS = join(ROOT, '.tmp/istio-crds.yaml')
const START_MS = 60_000
const LOG_CHARS = 4000

export interface Istiod extends AsyncDisposable {
  /** Of its xDS, without TLS. */
  readonly port: number
  readonly kubernetes: Kubernetes
  /** Has the API server take these resources, which Istio's definitions judge; istiod follows by itself, soon. */
  apply(resources: readonly object[]): void
  /** What a page of its debug interface says, `/debug/syncz` for example. */
  debug(path: string): Promise<string>
}

/**
 * Resolves when it serves these resources. `signs`: its authority, too, signs for holders of tokens of ServiceAccounts; one that
 * does nothing else, without resources, needs no definitions.
 */
export async function startIstiod(resources: readonly object[], { signs = false } = {}): Promise<Istiod> {
  for (const file of [PROGRAM, DEFINITIONS]) {
    if (!existsSync(file)) throw new Error(`${file} is missing: run scripts/setup-interop.sh istiod`)
  }
  await using stack = new AsyncDisposableStack()
  const kubernetes = stack.use(await startKubernetes())
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-istiod-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  if (resources.length > 0 || !signs) define(kubernetes)
  for (const namespace of NAMESPACES) kubectl(kubernetes, ['create', 'namespace', namespace])
  const apply = (all: readonly object[]) => kubectl(kubernetes, APPLY, JSON.stringify(listOf(all)))
  if (resources.length > 0) apply(resources)
  const ports: Ports = { grpc: await freePort(), http: await freePort(), monitoring: await freePort() }
  const child = start(folder, kubernetes, ports, signs)
  stack.defer(() => end(child))
  await whenReady(child, `http://127.0.0.1:${ports.http}/ready`, join(folder, 'log'))
  const debug = async (path: string) => (await get(`http://127.0.0.1:${ports.http}${path}`)).text()
  const all = stack.move()
  return { port: ports.grpc, kubernetes, apply, debug, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

function define(kubernetes: Kubernetes): void {
  kubectl(kubernetes, ['apply', '--server-side', '-f', DEFINITIONS])
  kubectl(kubernetes, ['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
}

const NAMESPACES = ['istio-system', 'shop']
const APPLY = ['apply', '--server-side', '--force-conflicts', '-f', '-']

function listOf(items: readonly object[]): object {
  return { apiVersion: 'v1', kind: 'List', items }
}

function kubectl({ kubeconfig }: Kubernetes, args: readonly string[], input = ''): void {
  const { status, stderr } = spawnSync('kubectl', ['--kubeconfig', kubeconfig, ...args], { encoding: 'utf8', input })
  if (status !== 0) throw new Error(`kubectl ${args[0]}: ${stderr}`)
}

interface Ports {
  readonly grpc: number
  readonly http: number
  readonly monitoring: number
}

function start(folder: string, { kubeconfig }: Kubernetes, ports: Ports, signs: boolean): ChildProcess {
  const programArguments = [
    'discovery',
    `--kubeconfig=${kubeconfig}`,
    '--namespace=istio-system',
    `--grpcAddr=127.0.0.1:${ports.grpc}`,
    `--httpAddr=127.0.0.1:${ports.http}`,
    `--monitoringAddr=127.0.0.1:${ports.monitoring}`,
    '--secureGRPCAddr=',
    '--httpsAddr=',
    '--ctrlz_port=0',
    '--shutdownDuration=0s',
  ]
  const command = `exec "$0" "$@" >'${join(folder, 'log')}' 2>&1`
  const child = spawn('/bin/sh', ['-c', command, PROGRAM, ...programArguments], {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, ...SETTINGS, ...(signs ? SIGNING : NOT_SIGNING) },
  })
  // it must not outlive a test that is killed
  process.once('exit', () => child.kill('SIGKILL'))
  return child
}

const SETTINGS: Readonly<Record<string, string>> = {
  // no webhook is called
  INJECTION_WEBHOOK_CONFIG_NAME: '',
  VALIDATION_WEBHOOK_CONFIG_NAME: '',
}

// nobody has to show who he is
const NOT_SIGNING = { ENABLE_CA_SERVER: 'false', XDS_AUTH: 'false' }
// it takes tokens from loopback without TLS
const SIGNING = { ENABLE_CA_SERVER: 'true', XDS_AUTH: 'true', XDS_AUTH_PLAINTEXT: 'true' }

async function whenReady(child: ChildProcess, url: string, logFile: string): Promise<void> {
  const log = () => readFileSync(logFile, 'utf8').slice(-LOG_CHARS)
  const startedMs = performance.now()
  while (performance.now() - startedMs < START_MS) {
    if (child.exitCode !== null) throw new Error(`pilot-discovery has ended with ${child.exitCode}:\n${log()}`)
    const isReady = await get(url).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) return
    await sleep(50)
  }
  throw new Error(`pilot-discovery is not ready after ${START_MS} ms:\n${log()}`)
}

function get(url: string): Promise<Response> {
  return fetch(url, { headers: { connection: 'close' } })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
