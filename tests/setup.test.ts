import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { oldestNodeVersion } from '../scripts/oldest-node.ts'
import { ROOT, readWorkspace } from '../scripts/workspace.ts'

const LOCK = { packages: { '': {}, 'node_modules/x': { version: '1.0.0' } } }
// Stands in for npm: notes that it was called, takes its time, and leaves what an install leaves.
const NPM = `#!/bin/sh
echo "$@" >> calls
sleep 0.3
mkdir -p node_modules
cp package-lock.json node_modules/.package-lock.json
`

interface Checkout {
  setup(): Promise<unknown>
  path(name: string): string
  calls(): readonly string[]
}

/** A checkout with nothing in it but the set-up script and a lock file. */
function newCheckout(t: TestContext): Checkout {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-setup-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'scripts'))
  mkdirSync(join(folder, 'bin'))
  cpSync(join(ROOT, 'scripts/setup.mjs'), join(folder, 'scripts/setup.mjs'))
  writeFileSync(join(folder, 'bin/npm'), NPM, { mode: 0o755 })
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(LOCK))
  const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}` }
  const path = (name: string): string => join(folder, name)
  return {
    setup: () => promisify(execFile)(process.execPath, [path('scripts/setup.mjs')], { env }),
    path,
    calls: () => (existsSync(path('calls')) ? readFileSync(path('calls'), 'utf8').trim().split('\n') : []),
  }
}

test('the set-up installs once, then has nothing to do until the lock file changes', async (t) => {
  const checkout = newCheckout(t)
  await checkout.setup()
  await checkout.setup()
  assert.equal(checkout.calls().length, 1)
  assert.match(checkout.calls()[0] ?? '', /^install --no-save /)
  const newer = { packages: { ...LOCK.packages, 'node_modules/y': { version: '2.0.0' } } }
  writeFileSync(checkout.path('package-lock.json'), JSON.stringify(newer))
  await checkout.setup()
  assert.equal(checkout.calls().length, 2)
})

test('the set-up generates code once, then again when a definition or a generator changes', async (t) => {
  const checkout = newCheckout(t)
  const generator = `import { appendFileSync, mkdirSync } from 'node:fs'
mkdirSync('packages/api/src/gen/resources', { recursive: true })
appendFileSync('generated', 'x')
`
  writeFileSync(checkout.path('scripts/gen-crds.mjs'), generator)
  mkdirSync(checkout.path('deploy/crds/standalone'), { recursive: true })
  const runs = () => readFileSync(checkout.path('generated'), 'utf8').length
  const definition = checkout.path('deploy/crds/standalone/a.yaml')
  writeFileSync(definition, 'a: 1\n')
  await checkout.setup()
  await checkout.setup()
  assert.equal(runs(), 1)
  writeFileSync(definition, 'a: 2\n')
  await checkout.setup()
  await checkout.setup()
  assert.equal(runs(), 2)
  writeFileSync(checkout.path('scripts/gen-crds.mjs'), `${generator}\n`)
  await checkout.setup()
  assert.equal(runs(), 3)
})

test('two set-ups at once install once', async (t) => {
  const checkout = newCheckout(t)
  await Promise.all([checkout.setup(), checkout.setup()])
  assert.equal(checkout.calls().length, 1)
  assert.ok(!existsSync(checkout.path('.setup-lock')))
})

test('a lock that a dead set-up left behind is taken over', async (t) => {
  const checkout = newCheckout(t)
  mkdirSync(checkout.path('.setup-lock'))
  writeFileSync(checkout.path('.setup-lock/pid'), '4194305') // above the highest pid
  await checkout.setup()
  assert.equal(checkout.calls().length, 1)
})

test('a failed install ends the set-up with an error and releases the lock', async (t) => {
  const checkout = newCheckout(t)
  writeFileSync(checkout.path('bin/npm'), '#!/bin/sh\nexit 7\n')
  await assert.rejects(checkout.setup(), /npm install .* failed with status 7/)
  assert.ok(!existsSync(checkout.path('.setup-lock')))
})

test('all packages promise one and the same oldest Node, on which they are tried before they are published', () => {
  const units = readWorkspace()
  assert.match(oldestNodeVersion(units), /^\d+\.\d+\.0$/)
  const [first] = units
  assert.ok(first !== undefined)
  assert.throws(() => oldestNodeVersion([...units, { ...first, nodeRange: '>=24.0' }]), /one and the same/)
  assert.throws(() => oldestNodeVersion([{ ...first, nodeRange: '' }]), /one and the same/)
})
