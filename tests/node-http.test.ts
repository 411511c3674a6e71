import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

/** Of Node's own modules: it comes with the name `WebSocket` of `node:http`. */
const OTHER_CLIENT = 'NativeModule internal/deps/undici/undici'

for (const entry of ['@meltemi/proxy', '@meltemi/control-plane', '@meltemi/ratelimit']) {
  test(`a thread of ${entry} loads no client for HTTP that it does not use`, () => {
    const loaded = loadedBy(entry)
    assert.ok(loaded.includes('NativeModule http'))
    assert.ok(!loaded.includes(OTHER_CLIENT))
  })
}

test('an import of node:http does', () => {
  assert.ok(loadedBy('node:http').includes(OTHER_CLIENT))
})

function loadedBy(entry: string): readonly string[] {
  const text = `await import('${entry}'); console.log(JSON.stringify(process.moduleLoadList))`
  const args = ['--conditions=meltemi-source', '--input-type=module', '--eval', text]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as readonly string[]
}
