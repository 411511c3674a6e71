import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { V8_FLAGS } from './v8-flags.ts'

test('V8 knows each of its flags', () => {
  const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })
  const known = new Set(Array.from(options.matchAll(/^ {2}--(?:no-)?([a-z0-9-]+) /gm), ([, name]) => name))
  const unknown = V8_FLAGS.filter((flag) => !known.has(flag.replace(/^--(?:no-)?/, '').replace(/=.*/, '')))
  assert.deepEqual(unknown, [])
})
