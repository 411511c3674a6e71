/** The package as npm runs it, and its project with packages that come from a registry. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { NewUser } from '../../../scripts/new-user.ts'
import { type PackedPackage, packWorkspace } from '../../../scripts/pack-workspace.ts'
import { ROOT } from '../../../scripts/workspace.ts'

/** A registry that has these packages, each in one version. */
async function startRegistry(packages: readonly PackedPackage[]): Promise<Server> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1)
    const tarball = packages.find(({ file }) => basename(file) === path)
    if (tarball !== undefined) return response.end(readFileSync(tarball.file))
    const wanted = packages.find(({ name }) => name === path)
    if (wanted === undefined) return response.writeHead(404).end()
    const { port } = server.address() as AddressInfo
    return response.end(JSON.stringify(describe(wanted, `http://127.0.0.1:${port}/${basename(wanted.file)}`)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** What a registry says of a package. */
function describe({ name, file }: PackedPackage, tarball: string): object {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', basename(name), 'package.json'), 'utf8'))
  const integrity = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
  const { version } = manifest
  return {
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { ...manifest, dist: { tarball, integrity } } },
  }
}

test('npm create makes a project of published packages, which works at once', async (t) => {
  const user = new NewUser()
  after(() => user.leave())
  const [creator] = packWorkspace('create-meltemi-codec')
  assert.ok(creator !== undefined)
  const create = ['exec', '--yes', `--package=${creator.file}`, '--', 'create-meltemi-codec']
  const said = await user.run(user.home, 'npm', ...create, 'my-protocol', '--framing', 'fixed')
  assert.match(said, /^my-protocol is in .*\/my-protocol\. Next:\n\n {2}cd my-protocol\n {2}npm install\n/m)

  const registry = await startRegistry(packWorkspace())
  t.after(() => registry.close())
  const { port } = registry.address() as AddressInfo
  const project = join(user.home, 'my-protocol')
  await user.run(project, 'npm', 'install', `--@meltemi:registry=http://127.0.0.1:${port}/`, '--prefer-offline')
  await user.run(project, 'npm', 'test')
  assert.match(
    await user.run(project, 'npm', 'start', '--', '--for', '1'),
    /^ +\d+ % +\d+ % +0 {2}hello world from v[12]$/m,
  )
})
