import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseAddress } from './commands/option-values.ts'
import { createProxyCommand } from './commands/proxy.ts'
import { codecs } from './modules.ts'
import { runMeltemi } from './run-meltemi.ts'

async function said(...args: string[]): Promise<{ code: number; text: string }> {
  let text = ''
  const listen = (part: string): void => {
    text += part
  }
  const code = await runMeltemi(args, { write: listen, writeError: listen })
  return { code, text }
}

test('--help names every command, with exit code 0', async () => {
  const { code, text } = await said('--help')
  assert.equal(code, 0)
  assert.match(text, /proxy .*data plane/)
})

test('proxy --help has every option with its default and variable, examples, signals and exit codes', async () => {
  const { code, text } = await said('proxy', '--help')
  assert.equal(code, 0)
  const silent = { write: () => {}, writeError: () => {} }
  for (const option of createProxyCommand(silent, { exitCode: 0 }).options) {
    assert.ok(text.includes(option.long as string), option.flags)
    assert.ok(option.description.length > 10, option.flags)
    assert.match(text, new RegExp(`${option.envVar ?? ''}\\)|${option.long}`))
  }
  const plain = text.replaceAll(/\s+/g, ' ')
  for (const part of ['(default: 1, env: MELTEMI_CONCURRENCY)', '$ meltemi proxy -c', 'SIGTERM', 'Exit code: 0']) {
    assert.ok(plain.includes(part), part)
  }
})

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  assert.deepEqual(await said('--version'), { code: 0, text: `${version}\n` })
})

test('without a command the help is shown, with exit code 1', async () => {
  const { code, text } = await said()
  assert.equal(code, 1)
  assert.match(text, /^Usage: meltemi/)
})

test('addresses may be names, IPv4 or IPv6 in brackets, and nothing else', () => {
  assert.deepEqual(parseAddress('localhost:80'), { host: 'localhost', port: 80 })
  assert.deepEqual(parseAddress('[::1]:0'), { host: '::1', port: 0 })
  for (const text of ['', '80', ':80', 'a:', 'a:65536', '::1:80', 'a b:1', 'a:1:2', '[a]:1x']) {
    assert.throws(() => parseAddress(text), /HOST:PORT/, text)
  }
})

test('every codec that comes along has a name of its own', () => {
  assert.equal(new Set(codecs.map(({ name }) => name)).size, codecs.length)
})
