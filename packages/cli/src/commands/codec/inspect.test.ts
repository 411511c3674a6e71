import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pcapFile } from '../../capture/testing/capture-files.ts'
import { framesOf, rpc } from '../../capture/testing/inspect-bytes.ts'
import { Talk } from '../../capture/testing/talk.ts'
import { runMeltemi } from '../../run-meltemi.ts'
import { createCodecInspectCommand } from './inspect.ts'

const SLOW_MS = 300
const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'meltemi-inspect-'))
after(() => rmSync(folder, { recursive: true }))
const CAPTURE = pcapFile(
  framesOf(new Talk().open().send('client', rpc(1, 'secret')).send('server', rpc(1, 'hushed')).close()),
)
const FILE = write('capture.pcap', CAPTURE)

function write(name: string, content: string | Buffer): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

interface Said {
  readonly code: number
  readonly out: string
  readonly errors: string
}

async function inspect(...args: readonly string[]): Promise<Said> {
  const said = { code: 0, out: '', errors: '' }
  const write = (part: string): void => {
    said.out += part
  }
  const writeError = (part: string): void => {
    said.errors += part
  }
  said.code = await runMeltemi(['codec', 'inspect', ...args], { write, writeError })
  return said
}

/** As a process of its own, with this standard input. */
function start(...args: readonly string[]) {
  return spawn(process.execPath, ['--conditions=meltemi-source', MAIN, 'codec', 'inspect', ...args], { stdio: 'pipe' })
}

test('--help has every option with its default, what is read, examples and exit codes', async () => {
  const { code, out } = await inspect('--help')
  assert.equal(code, 0)
  const silent = { write: () => {}, writeError: () => {} }
  for (const option of createCodecInspectCommand(silent, { exitCode: 0 }).options) {
    assert.ok(out.includes(option.long as string), option.flags)
    assert.ok(option.description.length > 10, option.flags)
  }
  const plain = out.replaceAll(/\s+/g, ' ')
  for (const part of ['(default: 16777216)', '(default: none)', '$ tcpdump -i any', 'pcapng', 'Exit code: 0 when']) {
    assert.ok(plain.includes(part), part)
  }
})

test('the examples of --help for bytes print their message', async () => {
  const { out } = await inspect('--help')
  const example = /meltemi codec inspect (awesomerpc --hex .*)/.exec(out)![1]!
  const said = await inspect(...example.split(' '))
  assert.equal(said.code, 0)
  assert.match(said.out, /^request, bytes 0 to 14\n {2}id {10}42\n/)
})

test('a capture is shown with the name of a built-in codec, or with a file', async () => {
  const module = write(
    'codecs.ts',
    `import { awesomerpc } from '${import.meta.resolve('@meltemi/codecs/awesomerpc')}'
export const codecs = [awesomerpc, { ...awesomerpc, name: 'other' }]
`,
  )
  const expected = await inspect('awesomerpc', '--pcap', FILE)
  assert.equal(expected.code, 0)
  assert.match(expected.out, /id 1 cmd=1 {2}19 > 19 bytes {2}ok {2}1\.000 ms\n/)
  assert.deepEqual(await inspect(module, '--codec', 'other', '--pcap', FILE), expected)
})

test('no bytes of messages are shown unless asked for', async () => {
  for (const format of ['text', 'json']) {
    const { out } = await inspect('awesomerpc', '--pcap', FILE, '--format', format)
    for (const part of ['secret', Buffer.from('secret').toString('hex'), '73 65 63 72']) assert.ok(!out.includes(part))
  }
  const text = (await inspect('awesomerpc', '--pcap', FILE, '--bytes')).out
  assert.match(text, / {4}> request packet 4, offset 0, 19 bytes\n {6}0000 {2}00 00 00 00 01/)
  assert.match(text, /\|ret\|\n {4}< response packet 5/)
  const short = (await inspect('awesomerpc', '--pcap', FILE, '--bytes', '14')).out
  assert.match(short, /19 bytes, the first 14 shown\n.*\|\.{13}s\|\n/)
  const json = (await inspect('awesomerpc', '--pcap', FILE, '--bytes', '14', '--format', 'json')).out
  assert.equal(JSON.parse(json.split('\n')[0]!).messages[0].bytes, '0000000001000000130001000073')
})

test('--redact hides the values of a property, in any case, and the bytes with it', async () => {
  for (const format of ['text', 'json']) {
    const { out } = await inspect(
      'awesomerpc',
      '--pcap',
      FILE,
      '--redact',
      'other',
      '--redact',
      'CMD',
      '--format',
      format,
    )
    assert.match(out, format === 'text' ? /id 1 cmd=\*\*\* / : /"properties":\{"cmd":"\*\*\*"\}/)
  }
  const bytes = ['awesomerpc', '--redact', 'cmd', '--hex', rpc(1).toString('hex')]
  assert.doesNotMatch((await inspect(...bytes)).out, /hello/)
  assert.match((await inspect('--bytes', '99', ...bytes)).out, /cmd=\*\*\*[\s\S]*hello/)
})

test('--config is given to the codec', async () => {
  const thrift = '80010001000000046e6f746500000001' + '00'
  const { out } = await inspect('thrift', '--config', '{"oneway_methods":["note"]}', '--hex', thrift)
  assert.match(out, /^oneway, /)
})

test('what a client and what a service sent is told by --side', async () => {
  const failed = rpc(1, '', true).toString('hex')
  assert.match(
    (await inspect('awesomerpc', '--side', 'reply', '--hex', failed)).out,
    /^response.*\n.*\n {2}status {6}error/,
  )
  assert.match((await inspect('awesomerpc', '--hex', failed)).out, /^request.*\n.*\n {2}status {6}ok/)
})

const FAULTS: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['neither capture nor bytes', ['awesomerpc'], /give a capture by --pcap, or bytes by --hex/],
  [
    'both',
    ['awesomerpc', '--pcap', FILE, '--hex', '00'],
    /'--pcap <file>' cannot be used with option '--hex <bytes...>'/,
  ],
  ['a capture that is not there', ['awesomerpc', '--pcap', '/nowhere'], /\/nowhere: ENOENT: no such file/],
  ['a folder', ['awesomerpc', '--pcap', folder], /EISDIR/],
  ['a codec that is not there', ['nothing.ts', '--pcap', FILE], /module does not exist/],
  ['a port that is none', ['awesomerpc', '--pcap', FILE, '--port', '0'], /whole number from 1 to 65535/],
  ['options that are no JSON', ['thrift', '--config', '{', '--hex', '00'], /--config is no JSON: /],
  ['options that the codec refuses', ['thrift', '--config', '{"a":1}', '--hex', '00'], /--config: unknown field 'a'/],
  ['options for a codec without', ['awesomerpc', '--config', '{}', '--hex', '00'], /awesomerpc takes no options/],
  ['no hex', ['awesomerpc', '--hex', 'xy'], /--hex: "x" is no hexadecimal digit/],
  ['bytes that the codec refuses', ['thrift', '--hex', 'ffffffffffff'], /bytes from 0: first bytes ffffffffffff/],
]
for (const [name, args, line] of FAULTS) {
  test(`one line and exit code 1 for ${name}`, async () => {
    const { code, out, errors } = await inspect(...args)
    assert.deepEqual([code, out], [1, ''])
    assert.match(errors, line)
    assert.match(errors, /^error: [^\n]+\n$/)
  })
}

test('a capture that was cut off is reported as far as it goes, and the exit code is 1', async () => {
  const cut = write('cut.pcap', CAPTURE.subarray(0, -3))
  const { code, out, errors } = await inspect('awesomerpc', '--pcap', cut)
  assert.equal(code, 1)
  assert.match(out, /id 1 cmd=1[\s\S]*6 packets/)
  assert.match(errors, /^error: .*cut\.pcap: it ends within a packet, at byte \d+\n$/)
})

test('a capture can come by standard input, and what is there is shown before it ends', async () => {
  const child = start('awesomerpc', '--pcap', '-')
  child.stdin.write(CAPTURE)
  const [first] = (await once(child.stdout, 'data')) as [Buffer]
  assert.match(first.toString(), /id 1 cmd=1/)
  child.stdin.end()
  assert.match(await text(child.stdout), /^\n7 packets\n/)
})

test('bytes can come by standard input', async () => {
  const child = start('awesomerpc', '--hex', '-')
  child.stdin.end(`# a sample\n${rpc(1).toString('hex')}\n`)
  assert.match(await text(child.stdout), /^request, bytes 0 to 17\n/)
})

function longCapture(): string {
  const talk = new Talk().open()
  for (let id = 0; id < 20_000; id++) talk.send('client', rpc(id)).send('server', rpc(id))
  return write('long.pcap', pcapFile(framesOf(talk)))
}

test('all of a long report arrives, however slowly it is read', async () => {
  const child = start('awesomerpc', '--pcap', longCapture())
  await once(child.stdout, 'readable')
  await setTimeout(SLOW_MS) // it would have ended meanwhile, if it did not wait
  const lines = (await text(child.stdout)).split('\n')
  assert.equal(lines.filter((line) => line.includes(' ok ')).length, 20_000)
  assert.ok(lines.includes('40003 packets'))
})

test('all of what --hex shows arrives too', async () => {
  const child = start('awesomerpc', '--format', 'json', '--hex', '-')
  child.stdin.end(rpc(1).toString('hex').repeat(5000))
  await once(child.stdout, 'readable')
  await setTimeout(SLOW_MS)
  assert.equal((await text(child.stdout)).split('\n').length, 5000 + 1)
})

test('it ends without a fault when nobody reads on', async () => {
  const child = start('awesomerpc', '--pcap', longCapture())
  await once(child.stdout, 'data')
  child.stdout.destroy()
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  assert.deepEqual([errors, code], ['', 0])
})
