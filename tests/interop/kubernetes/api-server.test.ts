import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../../../scripts/workspace.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

function kubectl({ kubeconfig }: Kubernetes, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('kubectl', ['--kubeconfig', kubeconfig, ...args], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout
}

test('a real API server takes our definitions and what is made of them, and keeps it over a restart', async () => {
  await using kubernetes = await startKubernetes()
  const files = globSync('deploy/crds/*.yaml', { cwd: ROOT }).map((file) => join(ROOT, file))
  kubectl(kubernetes, 'apply', '--server-side', ...files.flatMap((file) => ['-f', file]))
  kubectl(kubernetes, 'wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s')
  assert.match(kubectl(kubernetes, 'get', '--raw', '/version'), /"gitVersion": "v1\.34/)
  kubectl(kubernetes, 'create', 'namespace', 'shop')
  await kubernetes.killServer()
  await kubernetes.restartServer()
  assert.match(kubectl(kubernetes, 'get', 'namespace', 'shop', '-o', 'name'), /namespace\/shop/)
})
