import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ROOT } from '../../../scripts/workspace.ts'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import { eventually } from './eventually.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

const ISTIO = join(ROOT, '.tmp/istio-crds.yaml')

describe('in place of Aeraki', { timeout: 240_000 }, () => {
  let kubernetes: Kubernetes
  let folder: string

  before(async () => {
    assert.ok(existsSync(ISTIO), `${ISTIO} is missing: run scripts/setup-interop.sh istiod`)
    folder = mkdtempSync(join(tmpdir(), 'meltemi-envoy-filters-'))
    kubernetes = await startKubernetes()
    installDefinitions(kubernetes)
    // Istio's own take the place of those that stand in for them
    kubernetes.kubectl(['apply', '--server-side', '--force-conflicts', '-f', ISTIO])
    kubernetes.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
    for (const namespace of ['istio-system', 'shop', 'rules']) kubernetes.kubectl(['create', 'namespace', namespace])
  })

  after(async () => {
    await kubernetes[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  function start(...args: readonly string[]): Promise<ControlPlaneProcess> {
    const runtimeFolder = mkdtempSync(join(folder, 'one-'))
    return startControlPlaneProcess({ folder: { kubeconfig: kubernetes.kubeconfig }, runtimeFolder, arguments: args })
  }

  test('smoke', async () => {
    kubernetes.kubectl(['apply', '-f', '-'], `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: demo, namespace: shop }
spec:
  hosts: [demo.shop]
  addresses: [240.240.0.1]
  ports: [{ number: 9090, name: tcp-metaprotocol-thrift, protocol: TCP }]
  resolution: STATIC
  workloadSelector: { labels: { app: demo } }
`)
    const startMs = performance.now()
    await using plane = await start('--envoy-filters')
    await eventually('x', () => kubernetes.kubectl(['get', 'envoyfilter', '-A', '--no-headers']).trim().split('\n').length === 2)
    console.log(performance.now() - startMs, kubernetes.kubectl(['get', 'envoyfilter', '-A', '-o', 'yaml', '--show-managed-fields']), plane.process.errors)
  })
})
