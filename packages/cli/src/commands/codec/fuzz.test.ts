import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runMeltemi } from '../../run-meltemi.ts'
import { createCodecFuzzCommand } from './fuzz.ts'

const SDK = fileURLToPath(new URL('../../../../sdk', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'meltemi-fuzz-'))
after(() => rmSync(folder, { recursive: true }))

/** | u32 length of what follows the id | u32 id | u8 kind | body … |; `defect` runs before a message is taken. */
function codecSource(defect: string): string {
  return `
import { type CodecDefinition, DecodeStatus, ResponseStatus } from '@meltemi/sdk'
const mine: CodecDefinition = {
  name: 'mine',
  contract: 1,
  correlation: 'id',
  create: () => ({
    decode(buffer, metadata) {
      if (!buffer.has(9)) return DecodeStatus.WaitForData
      const size = 9 + buffer.u32(0)
      if (!buffer.has(size)) return DecodeStatus.WaitForData
      const kind = buffer.u8(8)
      ${defect}
      if (kind === 2) metadata.status = ResponseStatus.Error
      metadata.requestId = buffer.u32(4)
      metadata.headerSize = 9
      metadata.bodySize = size - 9
      metadata.message = buffer.take(size)
      return DecodeStatus.Done
    },
    encode({ message, requestId }, _mutation, out) {
      out.bytes(message, 0, 4).u32(Number(requestId)).bytes(message, 8)
    },
    onError({ requestId }, failure, out) {
      const text = Buffer.from(failure.message)
      out.u32(text.length).u32(Number(requestId)).u8(2).bytes(text)
    },
  }),
}
export const codecs = [mine]
`
}

const THROWS_ON_7F = "if (kind === 0x7f) throw new TypeError('kind 127 is not handled')"
let count = 0

/** A project with this defect in its codec; the codec's path. */
function project(defect: string): string {
  const root = join(folder, `project-${++count}`)
  mkdirSync(join(root, 'samples'), { recursive: true })
  mkdirSync(join(root, 'node_modules/@meltemi'), { recursive: true })
  symlinkSync(SDK, join(root, 'node_modules/@meltemi/sdk'))
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(root, 'samples/call.request.hex'), '00000003 0000002a 00 616263')
  writeFileSync(join(root, 'samples/reply.reply.hex'), '00000001 0000002a 01 61')
  writeFileSync(join(root, 'codec.ts'), codecSource(defect))
  return join(root, 'codec.ts')
}

async function fuzz(...args: readonly string[]): Promise<{ code: number; text: string }> {
  let text = ''
  const write = (part: string): void => {
    text += part
  }
  const code = await runMeltemi(['codec', 'fuzz', ...args], { write, writeError: write })
  return { code, text }
}

function saved(codec: string): string[] {
  const path = join(dirname(codec), 'fuzz')
  return existsSync(path) ? readdirSync(path).sort() : []
}

function replay(codec: string): number | null {
  const test = join(dirname(codec), 'fuzz/fuzz.test.ts')
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return spawnSync(process.execPath, ['--conditions=meltemi-source', '--test', test], { env }).status
}

test('a defect is found, made small and saved with a test, which fails until it is mended', async () => {
  const codec = project(THROWS_ON_7F)
  const { code, text } = await fuzz(codec, '--max-findings', '1')
  assert.equal(code, 1)
  assert.match(text, /finding: exception: decode threw TypeError: kind 127 is not handled at codec\.ts:13/)
  assert.match(text, /side \w+, 9 bytes: 00000000000000007f\n/)
  assert.match(
    text,
    /mine: 1 found, seed 1\n {2}\d+ inputs in [\d.]+ s, \d+\/s; \d+ of them showed something new; \d+ lines/,
  )
  const [finding = '', ...others] = saved(codec)
  assert.match(finding, /^[0-9a-f]{8}\.(request|reply)\.hex$/)
  assert.deepEqual(others, ['fuzz.test.ts'])
  const [what, origin, bytes] = readFileSync(join(dirname(codec), 'fuzz', finding), 'utf8').split('\n')
  assert.equal(what, '# exception: decode threw TypeError: kind 127 is not handled at codec.ts:13')
  assert.match(origin!, /^# mine, side (down|up)stream, seed 1$/)
  assert.equal(bytes, '00000000000000007f')
  assert.notEqual(replay(codec), 0)
  writeFileSync(codec, codecSource(''))
  assert.equal(replay(codec), 0)
})

test('the next run begins with what is saved', async () => {
  const codec = project(THROWS_ON_7F)
  await fuzz(codec, '--max-findings', '1')
  const { code, text } = await fuzz(codec, '--for', '1ms', '--seed', '2')
  assert.equal(code, 1)
  assert.match(text, /kind 127 is not handled/)
})

test('nothing is found in a codec that is right, and nothing is saved', async () => {
  const codec = project('')
  const { code, text } = await fuzz(codec, '--for', '2s', '--seed', '3')
  assert.equal(code, 0)
  assert.match(text, /^mine: nothing found, seed 3\n/)
  assert.deepEqual(saved(codec), [])
})

test('--no-save saves nothing', async () => {
  const codec = project(THROWS_ON_7F)
  const { code } = await fuzz(codec, '--max-findings', '1', '--no-save')
  assert.equal(code, 1)
  assert.deepEqual(saved(codec), [])
})

test('a finding that cannot be saved ends the run with one line', async () => {
  const codec = project(THROWS_ON_7F)
  const { code, text } = await fuzz(codec, '--max-findings', '1', '--save', join(codec, 'fuzz'))
  assert.equal(code, 1)
  assert.match(text, /\nerror: [^\n]*codec\.ts[^\n]*\n$/)
})

test('a loop is found and made small', async () => {
  const codec = project('for (let at = 9; at < size; at += buffer.u8(8));')
  const { code, text } = await fuzz(codec, '--max-findings', '1')
  assert.equal(code, 1)
  assert.match(text, /finding: (hang|reads): .*\n(.*\n)? {2}side \w+, 10 bytes: 00000001000000000000\n/)
})

test('what uses up all memory is found and made small', async () => {
  const codec = project(`const hoard: string[][] = []; while (kind === 0x7f) hoard.push(new Array(1000).fill('x'))`)
  const { code, text } = await fuzz(codec, '--max-findings', '1')
  assert.equal(code, 1)
  assert.match(text, /finding: crash: all memory is used up\n {2}side \w+, (9|[12]\d) bytes: 0000000\w{9}7f/)
  assert.equal(saved(codec).length, 2)
})

test('what ends its process is found and made small, and others are found after it', async () => {
  const codec = project(`if (kind === 0x7f) process.exit(5); if (kind === 2) throw new Error('no')`)
  const { code, text } = await fuzz(codec, '--max-findings', '2', '--for', '5m')
  assert.equal(code, 1)
  assert.match(
    text,
    /finding: crash: the process ended with exit code 5\n {2}side \w+, (9|[12]\d) bytes: 0000000\w{9}7f/,
  )
  assert.match(text, /finding: exception: decode threw Error: no at codec\.ts:13\n/)
})

test('what cannot be begun is said in one line, exit code 1', async () => {
  const codec = project('')
  rmSync(join(dirname(codec), 'samples'), { recursive: true })
  for (const [args, expected] of [
    [[codec], /^error: no samples: there is no .*samples; name them by --samples\n$/],
    [['thrift'], /^error: no samples: a built-in codec brings none; name them by --samples\n$/],
    [[codec, '--samples', join(folder, 'none')], /^error: .*none: no such file or folder\n$/],
    [[join(folder, 'none.ts')], /^error: .*none\.ts: no such file, and no built-in codec of this name\n$/],
    [[codec, '--for', '10'], /--for <duration>.*for example 10s/],
    [[codec, '--side', 'left'], /--side <side>.*request, reply/],
  ] as const) {
    const { code, text } = await fuzz(...args)
    assert.equal(code, 1, text)
    assert.match(text, expected)
  }
})

test('--help has every option with its default, examples and exit codes', async () => {
  const { code, text } = await fuzz('--help')
  const plain = text.replaceAll(/\s+/g, ' ')
  assert.equal(code, 0)
  const silent = { write: () => {}, writeError: () => {} }
  for (const option of createCodecFuzzCommand(silent, { exitCode: 0 }).options) {
    assert.ok(plain.includes(option.long as string) && option.description.length > 10, option.flags)
  }
  for (const part of ['(default: 60s)', '(default: 1)', '(default: 10)', 'Examples:', 'Exit code:']) {
    assert.ok(plain.includes(part), part)
  }
})
