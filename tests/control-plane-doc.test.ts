import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startControlPlane } from '@meltemi/control-plane'
import { createLogger, MergedRegistry } from '@meltemi/runtime'
import { ROOT } from '../scripts/workspace.ts'
import { MeshFolder } from './harness/index.ts'

const PAGE = readFileSync(join(ROOT, 'docs/control-plane.md'), 'utf8')

test('docs/control-plane.md lists every stat that a control plane has, with its kind, and no other', async () => {
  const documented = [...PAGE.matchAll(/^\| `([\w.]+)` \| (counter|gauge|histogram) \| [^|]{3,} \|$/gm)]
  const metrics = new MergedRegistry()
  await using _controlPlane = await startOn(metrics)
  const registered = metrics.read().map(({ name, kind }) => `${name} ${kind}`)
  assert.deepEqual(documented.map(([, name, kind]) => `${name} ${kind}`).toSorted(), registered.toSorted())
})

test('every page of docs/control-plane.md answers', async () => {
  await using controlPlane = await startOn(new MergedRegistry())
  const table = PAGE.slice(PAGE.indexOf('## The API'), PAGE.indexOf('## Who may change things'))
  const paths = [...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell]) =>
    [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, path = '']) => path),
  )
  assert.ok(paths.length >= 12, paths.join(' '))
  for (const path of paths) {
    const example = path
      .replace('/api/v1/…', '/api/v1/services')
      .replace('<group>[/<version>]', '<group>/<version>')
      .replace('[namespaces/<namespace>/]<plural>[/<name>]', 'namespaces/default/serviceentries/greeter')
      .replace('<group>', 'networking.istio.io')
      .replace('<version>', 'v1')
      .replace('<host>', 'greeter')
    const { status } = await fetch(`http://127.0.0.1:${controlPlane.port}${example}`)
    // no proxy is connected whose configuration there would be
    assert.equal(status, example.includes('<id>') ? 404 : 200, example)
  }
})

async function startOn(metrics: MergedRegistry) {
  const folder = new MeshFolder({ port: 9090, versions: { v1: 1 } })
  const controlPlane = await startControlPlane({
    resources: folder.path,
    xds: { host: '127.0.0.1', port: 0 },
    api: { address: { host: '127.0.0.1', port: 0 }, version: '0.0.0', token: 'x' },
    defaultProtocols: [],
    logger: createLogger({ level: 'off' }),
    metrics,
  })
  return {
    port: controlPlane.api?.address.port,
    async [Symbol.asyncDispose]() {
      await controlPlane.close()
      folder[Symbol.dispose]()
    },
  }
}
