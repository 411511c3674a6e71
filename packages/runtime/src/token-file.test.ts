import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { createTokenFile, defaultTokenPath, readTokenFile, removeTokenFile } from './token-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-token-'))
after(() => rmSync(folder, { recursive: true }))

test('a token is for its user only, also where a file lay open to everybody', () => {
  const path = join(folder, 'a/b/one.token')
  const first = createTokenFile(path)
  chmodSync(path, 0o666)
  const second = createTokenFile(path)
  assert.notEqual(first, second)
  assert.ok(second.length >= 43)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700)
  assert.equal(readTokenFile(path), second)
  assert.deepEqual(readdirSync(dirname(path)), ['one.token'])
})

test('a server takes only its own token away', () => {
  const path = join(folder, 'own.token')
  const first = createTokenFile(path)
  const second = createTokenFile(path)
  removeTokenFile(path, first)
  assert.equal(readTokenFile(path), second)
  removeTokenFile(path, second)
  assert.throws(() => readTokenFile(path), /ENOENT/)
  removeTokenFile(path, second)
})

test('what is no token is refused, without its content', () => {
  const path = join(folder, 'bad.token')
  for (const content of ['', '\n', 'two words', 'a\nb', 'x'.repeat(5_000)]) {
    writeFileSync(path, content)
    assert.throws(() => readTokenFile(path), /expected a token, one word on one line$/)
  }
})

test('the file is found by the port, in a folder of the user', () => {
  const base = { HOME: '/home/me' }
  assert.equal(defaultTokenPath(15_080, base), '/home/me/.local/state/meltemi/control-plane-15080.token')
  assert.equal(defaultTokenPath(1, { ...base, XDG_STATE_HOME: '/state' }), '/state/meltemi/control-plane-1.token')
  const both = { ...base, XDG_STATE_HOME: '/state', XDG_RUNTIME_DIR: '/run/user/7' }
  assert.equal(defaultTokenPath(1, both), '/run/user/7/meltemi/control-plane-1.token')
})
