/**
 * A Kubernetes API server of one test: Kubernetes' own, built from its module (`server/`), over Debian's etcd, both on
 * free ports of loopback with their files in a folder that goes with them. `scripts/setup-interop.sh kubernetes` brings them.
 * There are no nodes and no controllers: what a test wants to be there, such as EndpointSlices, it writes itself.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT } from '../../../scripts/workspace.ts'
import { freePort } from '../../harness/index.ts'

const ETCD = join(ROOT, '.tmp/bin/etcd')
const API_SERVER = join(ROOT, '.tmp/bin/kube-apiserver')
const START_MS = 60_000
const KUBECTL_MS = 60_000
const LOG_CHARS = 4000

export interface Kubernetes extends AsyncDisposable {
  readonly url: string
  /** Of a user who may do everything. */
  readonly token: string
  /** For `kubectl --kubeconfig` and for `KUBECONFIG`. */
  readonly kubeconfig: string
  /** PEM of who signed the server's certificate. */
  readonly ca: string
  /** What kubectl prints; throws what it says when it fails. `input`: for `-f -`. */
  kubectl(args: readonly string[], input?: string): string
  /** Writes a kubeconfig for another token: of a ServiceAccount for example. Returns its path. */
  kubeconfigFor(token: string): string
  /** Ends the API server (SIGKILL), as when a machine goes; etcd stays. */
  killServer(): Promise<void>
  /** Starts it again, on the same port with the same state. */
  restartServer(): Promise<void>
}

export interface KubernetesOptions {
  /** Beyond what its version has by itself, such as `ImageVolume`; default: none. */
  readonly featureGates?: readonly string[]
}

export async function startKubernetes({ featureGates = [] }: KubernetesOptions = {}): Promise<Kubernetes> {
  for (const program of [ETCD, API_SERVER]) {
    if (!existsSync(program)) throw new Error(`${program} is missing: run scripts/setup-interop.sh kubernetes`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-kubernetes-'))
  const [etcdPort, etcdPeerPort, port] = [await freePort(), await freePort(), await freePort()]
  const token = randomBytes(16).toString('hex')
  writeFileSync(join(folder, 'tokens.csv'), `${token},admin,admin,system:masters\n`)
  writeFileSync(join(folder, 'key.pem'), newKey())
  const url = `https://127.0.0.1:${port}`
  const etcd = start(folder, 'etcd', ETCD, etcdArguments(folder, etcdPort, etcdPeerPort))
  let server: ChildProcess | undefined
  const startServer = async () => {
    server = start(folder, 'kube-apiserver', API_SERVER, [
      ...serverArguments(folder, etcdPort, port),
      ...featureGates.map((name) => `--feature-gates=${name}=true`),
    ])
    await whenReady(folder, server, `${url}/readyz`, token)
  }
  const stop = async () => {
    await end(server)
    await end(etcd)
    rmSync(folder, { recursive: true, force: true })
  }
  const kubeconfigFor = (other: string) => {
    const file = join(folder, `kubeconfig-${randomBytes(4).toString('hex')}`)
    writeFileSync(file, kubeconfigOf(url, join(folder, 'certs/apiserver.crt'), other))
    return file
  }
  try {
    await startServer()
  } catch (error: unknown) {
    await stop()
    throw error
  }
  const kubeconfig = kubeconfigFor(token)
  return {
    url,
    token,
    kubeconfig,
    kubectl: (args, input) => runKubectl(kubeconfig, args, input),
    ca: readFileSync(join(folder, 'certs/apiserver.crt'), 'utf8'),
    kubeconfigFor,
    killServer: () => end(server),
    restartServer: startServer,
    [Symbol.asyncDispose]: stop,
  }
}

function runKubectl(kubeconfig: string, args: readonly string[], input = ''): string {
  const options = { encoding: 'utf8', input, timeout: KUBECTL_MS } as const
  const { status, stdout, stderr } = spawnSync('kubectl', ['--kubeconfig', kubeconfig, ...args], options)
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`)
  return stdout
}

function etcdArguments(folder: string, port: number, peerPort: number): string[] {
  const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`]
  return [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    // nobody needs it after the test
    '--unsafe-no-fsync',
  ]
}

function serverArguments(folder: string, etcdPort: number, port: number): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    `--cert-dir=${join(folder, 'certs')}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${join(folder, 'key.pem')}`,
    `--service-account-signing-key-file=${join(folder, 'key.pem')}`,
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    '--authorization-mode=RBAC',
    // it waits for a controller that makes ServiceAccounts, which does not run here
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged=true',
    // addresses of other services in the cluster do not exist here
    '--endpoint-reconciler-type=none',
  ]
}

function start(folder: string, name: string, program: string, programArguments: readonly string[]): ChildProcess {
  const log = join(folder, `${name}.log`)
  const child = spawn('/bin/sh', ['-c', `exec "$0" "$@" >>'${log}' 2>&1`, program, ...programArguments], {
    stdio: 'ignore',
  })
  // it must not outlive a test that is killed
  process.once('exit', () => child.kill('SIGKILL'))
  return child
}

async function whenReady(folder: string, server: ChildProcess, url: string, token: string): Promise<void> {
  const startedMs = performance.now()
  const log = () => readFileSync(join(folder, 'kube-apiserver.log'), 'utf8').slice(-LOG_CHARS)
  while (performance.now() - startedMs < START_MS) {
    if (server.exitCode !== null) throw new Error(`kube-apiserver has ended with ${server.exitCode}:\n${log()}`)
    if (await isReady(folder, url, token)) return
    await sleep(100)
  }
  throw new Error(`kube-apiserver is not ready after ${START_MS} ms:\n${log()}`)
}

function isReady(folder: string, url: string, token: string): Promise<boolean> {
  const certificate = join(folder, 'certs/apiserver.crt')
  if (!existsSync(certificate)) return Promise.resolve(false)
  return new Promise((resolve) => {
    const options = { ca: readFileSync(certificate), headers: { authorization: `Bearer ${token}` }, agent: false }
    const request = get(url, options, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.once('error', () => resolve(false))
  })
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** With which tokens of ServiceAccounts are signed. */
function newKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
}

function kubeconfigOf(server: string, ca: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': ca } }],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'user' } }],
    'current-context': 'test',
  })
}
