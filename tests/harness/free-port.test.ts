import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { claimPort, freePort } from './free-port.ts'

/** What another process says of a port. */
function claimElsewhere(port: number): string {
  const source = `import { claimPort } from '${import.meta.resolve('./free-port.ts')}'
    console.log(await claimPort(${port}))`
  return execFileSync(process.execPath, ['--input-type=module', '--eval', source], { encoding: 'utf8' }).trim()
}

test('a free port is given once, also while nobody listens on it', async () => {
  const [first, second] = [await freePort(), await freePort()]
  assert.notEqual(first, second)
  assert.equal(await claimPort(first), false)
  assert.equal(claimElsewhere(first), 'false')
})

test('a port that somebody listens on is not free, and is again afterwards', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  assert.equal(await claimPort(port), false)
  server.close()
  await once(server, 'close')
  assert.equal(claimElsewhere(port), 'true')
  assert.equal(await claimPort(port), true)
})
