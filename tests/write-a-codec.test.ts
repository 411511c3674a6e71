import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runMeltemi } from '@meltemi/cli'
import { ROOT } from '../scripts/workspace.ts'

const PAGE = readFileSync(join(ROOT, 'docs/write-a-codec.md'), 'utf8')
const [CODEC = '', JUDGEMENT = ''] = blocks('ts')
const [, EXTENSION = ''] = blocks('yaml')

// Inside the checkout, where the test finds @meltemi/sdk as it would after an installation.
mkdirSync(join(ROOT, '.tmp'), { recursive: true })
const folder = mkdtempSync(join(ROOT, '.tmp/write-a-codec-'))
after(() => rmSync(folder, { recursive: true, force: true }))
write('my-codec.ts', CODEC)

function blocks(language: string): readonly string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    (match) => match[1] as string,
  )
}

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** The exit code and what was said. */
async function validate(config: string, ...options: readonly string[]): Promise<string> {
  let said = ''
  const listen = (text: string): void => {
    said += text
  }
  const args = ['proxy', '-c', config, '--mode', 'validate', ...options]
  const code = await runMeltemi(args, { write: listen, writeError: listen })
  return `${code} ${said.replaceAll(`${folder}/`, '')}`
}

/** The sample configuration for the codec of the page. */
function configuration(): string {
  const sample = readFileSync(join(ROOT, 'docs/sample.yaml'), 'utf8')
  return sample.replace('aeraki.meta_protocol.codec.awesomerpc', 'example.codec.mine')
}

test('the codec of docs/write-a-codec.md passes the judgement that is printed beside it', () => {
  const file = write('my-codec.test.ts', JUDGEMENT)
  const { NODE_TEST_CONTEXT: _, ...env } = process.env // else it would report to this runner
  const args = ['--conditions=meltemi-source', '--test', '--test-reporter=tap', file]
  const report = execFileSync(process.execPath, args, { encoding: 'utf8', env })
  assert.match(report, /^# fail 0$/m)
  assert.doesNotMatch(report, /^# tests 0$/m)
})

test('the codec of docs/write-a-codec.md is loaded by --module', async () => {
  const config = write('proxy.yaml', configuration())
  assert.match(await validate(config), /^1 error: .*there is no codec "example\.codec\.mine"/)
  assert.equal(
    await validate(config, '--module', join(folder, 'my-codec.ts')),
    '0 proxy.yaml: valid, 1 listener, 2 clusters\n',
  )
})

test('the codec of docs/write-a-codec.md is loaded when the bootstrap names it, relative to itself', async () => {
  const config = write('named.yaml', `${configuration()}\n${EXTENSION}`)
  assert.equal(await validate(config), '0 named.yaml: valid, 1 listener, 2 clusters\n')
})
