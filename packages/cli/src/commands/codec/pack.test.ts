import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runMeltemi } from '../../run-meltemi.ts'
import { createCodecPackCommand } from './pack.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-pack-command-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'codec.ts')
writeFileSync(file, "export const codecs = [{ name: 'x', contract: 1, correlation: 'id', create: () => ({}) }]\n")

async function said(...args: string[]): Promise<string> {
  let text = ''
  const listen = (part: string): void => {
    text += part
  }
  const code = await runMeltemi(['codec', 'pack', ...args], { write: listen, writeError: listen })
  return `${code} ${text.replaceAll(`${folder}/`, '')}`
}

test('codec pack --help has every option with its default, examples and exit codes', async () => {
  const text = (await said('--help')).replaceAll(/\s+/g, ' ')
  const silent = { write: () => {}, writeError: () => {} }
  for (const option of createCodecPackCommand(silent, { exitCode: 0 }).options) {
    assert.ok(text.includes(option.flags), option.flags)
    assert.match(text, new RegExp(`${option.long} <\\w+> [^<]+\\((?:default|env): `), option.flags)
  }
  for (const part of ['$ meltemi codec pack ./my-codec.ts', '$ oras cp --from-oci-layout', 'Exit code: 0']) {
    assert.ok(text.includes(part), part)
  }
})

test('codec pack says what it has packed and written, and ends with a line for sha256sum', async () => {
  const args = [
    file,
    '--out',
    join(folder, 'dist'),
    '--oci',
    join(folder, 'oci'),
    '--name',
    'n',
    '--package-version',
    '2.0',
  ]
  const text = await said(...args)
  const wrote = 'wrote dist/n-2\\.0\\.mjs, dist/n-2\\.0\\.json, dist/n-2\\.0\\.cdx\\.json\n'
  const oci = 'wrote oci: tag 2\\.0, sha256:[0-9a-f]{64}\n'
  const digest = '[0-9a-f]{64} {2}dist/n-2\\.0\\.mjs\n'
  assert.match(text, new RegExp(`^0 packed n 2\\.0, \\d+ bytes: codec x, contract 1\n${wrote}${oci}${digest}$`))
})

test('codec pack refuses what is wrong in one line, exit code 1', async () => {
  assert.equal(await said(join(folder, 'absent.ts')), '1 error: absent.ts: module does not exist\n')
  assert.match(await said(file, '--source-date-epoch', 'now'), /^1 error: option '--source-date-epoch .* whole number/)
  assert.match(await said(), /^1 error: missing required argument 'file'/)
})
