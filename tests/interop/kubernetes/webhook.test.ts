import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ROOT } from '../../../scripts/workspace.ts'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import { freePort, greeterRouter } from '../../harness/index.ts'
import { eventually } from './eventually.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

const NAME = 'meltemi-webhook.meltemi'
const NAMESPACE = ['--namespace', 'meltemi']
const ACCOUNT = 'system:serviceaccount:meltemi:meltemi-control-plane'
/** These are no regular expressions; what the definition itself says, the API server sees first. */
const BAD = greeterRouter({ v1: 100 }, 'bad').replace(
  'route:',
  'match: { attributes: { method: { regex: "(" }, user: { regex: "*" } } }\n      route:',
)
/** The weight of a lone destination means nothing. */
const DOUBTFUL = greeterRouter({ v1: 40 }, 'doubtful')

describe('the webhook', { timeout: 240_000 }, () => {
  let kubernetes: Kubernetes
  let controlPlane: ControlPlaneProcess
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-webhook-'))

  /** What kubectl says on both streams; it may fail. */
  const apply = (text: string) => {
    const args = ['--kubeconfig', kubernetes.kubeconfig, 'apply', '-f', '-']
    const { status, stdout, stderr } = spawnSync('kubectl', args, { input: text, encoding: 'utf8', timeout: 60_000 })
    return { isDone: status === 0, said: stdout + stderr }
  }
  const configuration = (path: string) =>
    kubernetes.kubectl(['get', 'validatingwebhookconfiguration', NAME, '-o', `jsonpath=${path}`])

  before(async () => {
    kubernetes = await startKubernetes()
    installDefinitions(kubernetes)
    // it was there before anybody asked
    kubernetes.kubectl(['apply', '-f', '-'], BAD.replace('name: bad', 'name: old'))
    const port = await freePort()
    kubernetes.kubectl(['apply', '-f', join(ROOT, 'deploy/manifests/permissions.yaml')])
    kubernetes.kubectl(['apply', '-f', '-'], reachableAt(`https://127.0.0.1:${port}/validate`))
    const token = kubernetes.kubectl(['create', 'token', 'meltemi-control-plane', ...NAMESPACE]).trim()
    controlPlane = await startControlPlaneProcess({
      folder: { kubeconfig: kubernetes.kubeconfigFor(token) },
      runtimeFolder: folder,
      arguments: [...NAMESPACE, '--webhook-address', `127.0.0.1:${port}`],
    })
    await eventually('it answers', () => apply(greeterRouter({ v1: 100 })).isDone)
  })

  after(async () => {
    await controlPlane?.[Symbol.asyncDispose]()
    await kubernetes[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  test('has what is wrong refused, in the words of meltemi validate', () => {
    const { isDone, said } = apply(BAD)
    assert.equal(isDone, false)
    const file = join(folder, 'bad.yaml')
    writeFileSync(file, BAD)
    const cli = join(ROOT, 'packages/cli/src/main.ts')
    const validate = spawnSync(process.execPath, ['--conditions=meltemi-source', cli, 'validate', file], {
      encoding: 'utf8',
    })
    const lines = (validate.stdout + validate.stderr).split('\n').filter((line) => line.includes(file))
    assert.ok(lines.length >= 2, validate.stdout + validate.stderr)
    for (const line of lines) {
      const message = line.slice(line.indexOf('spec.'))
      assert.ok(said.includes(message), `${message}\n${said}`)
    }
  })

  test('lets what is right be stored, with its warnings', () => {
    const { isDone, said } = apply(DOUBTFUL)
    assert.ok(isDone, said)
    assert.match(said, /Warning: spec\.routes\[0\]\.route\[0\]\.weight: the only destination/)
  })

  test('is asked about all kinds of ours, also when nothing is to be stored', () => {
    const protocol = (name: string) => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: some }
spec: { protocol: some, codec: ${name}, module: { url: "ftp://example/m.mjs", sha256: ${'0'.repeat(64)} } }
`
    const dry = (text: string) => kubernetes.kubectl(['apply', '--dry-run=server', '-f', '-'], text)
    assert.throws(() => dry(protocol('example.codec')), /module\.url/)
    const policy = (regex: string) => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaAuthorizationPolicy
metadata: { name: some }
spec: { rules: [{ to: [{ operation: { attributes: { method: { regex: "${regex}" } } } }] }] }
`
    assert.throws(() => dry(policy('(')), /is not RE2/)
    assert.match(dry(policy('a|b')), /configured|created/)
  })

  test('lets labels of what is wrong already change, and it be deleted', () => {
    assert.match(kubernetes.kubectl(['label', 'metarouter', 'old', 'team=a']), /labeled/)
    assert.throws(
      () => kubernetes.kubectl(['patch', 'metarouter', 'old', '--type=merge', '-p', '{"spec":{"exportTo":["a"]}}']),
      /is not RE2/,
    )
    assert.match(kubernetes.kubectl(['delete', 'metarouter', 'old']), /deleted/)
  })

  test('may touch its own Secret and registration, and of these only whom to trust', () => {
    assert.equal(configuration('{.webhooks[0].failurePolicy}'), 'Fail')
    const secret = kubernetes.kubectl(['get', 'secret', NAME, ...NAMESPACE, '-o', 'jsonpath={.metadata.labels}'])
    assert.match(secret, /"app\.kubernetes\.io\/name":"meltemi"/)
    const can = (...question: readonly string[]) =>
      spawnSync('kubectl', ['--kubeconfig', kubernetes.kubeconfig, 'auth', 'can-i', ...question, '--as', ACCOUNT], {
        encoding: 'utf8',
      }).stdout.trim()
    assert.equal(can('patch', `secrets/${NAME}`, ...NAMESPACE), 'yes')
    assert.equal(can('get', 'secrets/other', ...NAMESPACE), 'no')
    assert.equal(can('list', 'secrets', ...NAMESPACE), 'no')
    assert.equal(can('create', 'secrets', ...NAMESPACE), 'no')
    assert.equal(can('patch', 'validatingwebhookconfigurations/other'), 'no')
    assert.equal(can('create', 'validatingwebhookconfigurations'), 'no')
  })

  test('has another certificate when the one it had is lost, and the API server trusts that', async () => {
    const before = configuration('{.webhooks[0].clientConfig.caBundle}')
    const lost = JSON.stringify({ data: { 'tls.crt': null, 'tls.key': null } })
    kubernetes.kubectl(['patch', 'secret', NAME, ...NAMESPACE, '--type=merge', '-p', lost])
    await eventually('another is trusted', () => configuration('{.webhooks[0].clientConfig.caBundle}') !== before)
    await eventually('it is asked again', () => apply(greeterRouter({ v1: 100 })).isDone)
    assert.equal(apply(BAD).isDone, false)
  })
})

/** The manifest for a webhook that no Service leads to. */
function reachableAt(url: string): string {
  const text = readFileSync(join(ROOT, 'deploy/manifests/webhook.yaml'), 'utf8')
  const reachable = text.replace(/^( *)service: \{.*\}$/m, `$1url: ${url}`)
  assert.notEqual(reachable, text)
  return reachable
}
