import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ROOT } from '../../../scripts/workspace.ts'

test('a newcomer creates, tests, starts, changes and packs a codec in under three minutes, each step with its time', async () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env // else npm test of the project would report to this runner
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'newcomer'], { cwd: ROOT, env })
  const steps = [...stdout.matchAll(/^(\S.*?) +(\d+\.\d) s$/gm)].map(([, title, seconds]) => ({
    title,
    seconds: Number(seconds),
  }))
  assert.deepEqual(
    steps.map(({ title }) => title),
    [
      'npm run create-codec',
      'npm install',
      'npm test',
      'npm start, until both versions answer',
      'a line changed, until it is live',
      'Ctrl-C, until all has ended',
      'npm run pack',
      'all together',
    ],
  )
  assert.ok((steps.at(-1)?.seconds ?? 0) < 180, stdout)
})
