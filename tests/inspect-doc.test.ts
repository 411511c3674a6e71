import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runMeltemi } from '@meltemi/cli'
import { ROOT } from '../scripts/workspace.ts'

const PAGE = readFileSync(join(ROOT, 'docs/inspect.md'), 'utf8')
const CAPTURE = join(ROOT, 'tests/interop/inspect/testdata/thrift.pcap')

/** What `meltemi codec inspect` prints with these arguments; files are those of the checkout. */
async function inspect(args: readonly string[]): Promise<string> {
  let said = ''
  const listen = (text: string): void => {
    said += text
  }
  const paths = args.map((arg) => (arg.includes('/') ? join(ROOT, arg) : arg))
  await runMeltemi(['codec', 'inspect', ...paths], { write: listen, writeError: listen })
  return said
}

function blocks(language: string): readonly string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text]) => text as string,
  )
}

test('the commands of docs/inspect.md print what stands below them', async () => {
  const examples = blocks('console')
  assert.equal(examples.length, 2)
  for (const example of examples) {
    const [, command, output] = /^\$ meltemi codec inspect (.*)\n([\s\S]*)$/.exec(example) as unknown as string[]
    assert.equal(await inspect(command!.split(' ')), output)
  }
})

test('the exchange of docs/inspect.md is one that is printed, and has its fields explained', async () => {
  const [text = ''] = blocks('json')
  const lines = (await inspect(['thrift', '--pcap', CAPTURE.slice(ROOT.length), '--format', 'json'])).trim().split('\n')
  assert.deepEqual(JSON.parse(text), JSON.parse(lines[2]!))
  for (const field of ['kind', 'outcome', 'latency_ms', 'messages', 'packet', 'offset', 'id', 'dialect']) {
    assert.match(text, new RegExp(`"${field}":`))
    assert.match(PAGE, new RegExp(`^\\| .*\`${field}\``, 'm'))
  }
})

test('every code of a note is explained in docs/inspect.md', () => {
  const source = readFileSync(join(ROOT, 'packages/cli/src/capture/capture-event.ts'), 'utf8')
  const codes = [.../NoteCode = (.*)/.exec(source)![1]!.matchAll(/'([\w-]+)'/g)].map(([, code]) => code as string)
  assert.equal(codes.length, 6)
  for (const code of codes) assert.match(PAGE, new RegExp(`^\\| \`${code}\` \\|`, 'm'))
})
