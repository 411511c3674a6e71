import assert from 'node:assert/strict'
import { test } from 'node:test'
import { installDefinitions } from './install-definitions.ts'
import { startKubernetes } from './start-kubernetes.ts'

test('a real API server takes our definitions, and keeps what it has over a restart', async () => {
  await using kubernetes = await startKubernetes()
  installDefinitions(kubernetes)
  assert.match(kubernetes.kubectl(['get', '--raw', '/version']), /"gitVersion": "v1\.34/)
  kubernetes.kubectl(['create', 'namespace', 'shop'])
  await kubernetes.killServer()
  await kubernetes.restartServer()
  assert.match(kubernetes.kubectl(['get', 'namespace', 'shop', '-o', 'name']), /namespace\/shop/)
})
