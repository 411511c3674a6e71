import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ROOT } from '../../../scripts/workspace.ts'
import { startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import { greeterRouter } from '../../harness/index.ts'
import { eventually } from './eventually.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

const ACCOUNT = 'system:serviceaccount:meltemi:meltemi-control-plane'
const NAMESPACE = ['--namespace', 'meltemi']

describe('the permissions of deploy/manifests/permissions.yaml', { timeout: 240_000 }, () => {
  let kubernetes: Kubernetes

  before(async () => {
    kubernetes = await startKubernetes()
    installDefinitions(kubernetes)
    kubernetes.kubectl(['apply', '-f', join(ROOT, 'deploy/manifests/permissions.yaml')])
  })

  after(() => kubernetes[Symbol.asyncDispose]())

  test('are enough for a control plane', async () => {
    const token = kubernetes.kubectl(['create', 'token', 'meltemi-control-plane', ...NAMESPACE]).trim()
    const folder = mkdtempSync(join(tmpdir(), 'meltemi-permissions-'))
    const controlPlane = await startControlPlaneProcess({
      folder: { kubeconfig: kubernetes.kubeconfigFor(token) },
      runtimeFolder: folder,
      arguments: NAMESPACE,
    })
    try {
      kubernetes.kubectl(['apply', '-f', '-'], greeterRouter({ v1: 100 }))
      const accepted = ['get', 'metarouter', 'greeter', '-o', 'jsonpath={.status.conditions[0].type}']
      await eventually('it writes status', () => kubernetes.kubectl(accepted) === 'Accepted')
      await eventually('it says what is wrong', () => controlPlane.process.errors.endsWith('\n'))
      // and nothing is said of what the API server has by itself
      const said = controlPlane.process.errors.trimEnd().split('\n')
      assert.equal(said.length, 1, controlPlane.process.errors)
      assert.match(said[0] ?? '', /"MetaRouter default\/greeter: spec\.hosts\[0\]: no service has the host/)
    } finally {
      await controlPlane[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  const denied: readonly (readonly [verb: string, resource: string, ...options: string[]])[] = [
    ['get', 'secrets', '-A'],
    ['list', 'configmaps', '-A'],
    ['create', 'metarouters.metaprotocol.aeraki.io', '-A'],
    ['update', 'metarouters.metaprotocol.aeraki.io', '-A'],
    ['delete', 'metarouters.metaprotocol.aeraki.io', '-A'],
    ['patch', 'serviceentries.networking.istio.io', '-A'],
    ['create', 'pods', '-A'],
    ['get', 'pods', '--subresource=log', '-A'],
    ['create', 'pods', '--subresource=exec', '-A'],
    ['create', 'serviceaccounts', '--subresource=token', '-A'],
    ['update', 'leases.coordination.k8s.io', ...NAMESPACE],
    ['get', 'leases.coordination.k8s.io', '-A'],
    ['create', 'clusterrolebindings.rbac.authorization.k8s.io'],
  ]
  for (const [verb, resource, ...options] of denied) {
    test(`do not let it ${verb} ${resource} ${options.join(' ')}`, () => {
      // it ends with 1 for no
      assert.throws(() => kubernetes.kubectl(['auth', 'can-i', verb, resource, ...options, '--as', ACCOUNT]))
      const list = kubernetes.kubectl(['auth', 'can-i', '--list', '--as', ACCOUNT, ...NAMESPACE])
      assert.match(list, /meltemi-control-plane\]\s+\[get update\]/, 'it was asked about the right account')
    })
  }
})
