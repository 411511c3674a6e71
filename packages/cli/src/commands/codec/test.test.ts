import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { RULES } from '@meltemi/sdk/testing'
import { runMeltemi } from '../../run-meltemi.ts'
import { createCodecTestCommand } from './test.ts'

/** | u16 length of all | u16 id | u8 kind: 0 request, 1 reply, 2 failed | body … | */
const CODEC = `
import { type CodecDefinition, DecodeStatus, ProtocolError, ResponseStatus } from '@meltemi/sdk'
const mine: CodecDefinition = {
  name: 'mine', contract: 1, correlation: 'id',
  create: () => ({
    decode(buffer, metadata) {
      if (!buffer.has(7)) return DecodeStatus.WaitForData
      if (buffer.u16(0) < 7) throw new ProtocolError('too short')
      if (!buffer.has(buffer.u16(0))) return DecodeStatus.WaitForData
      metadata.requestId = buffer.u32(2)
      metadata.headerSize = 7
      if (buffer.u8(6) === 2) metadata.status = ResponseStatus.Error
      // KIND
      metadata.message = buffer.take(buffer.u16(0))
      return DecodeStatus.Done
    },
    encode({ message, requestId }, _mutation, out) {
      out.bytes(message, 0, 2).u32(Number(requestId)).bytes(message, 6)
    },
    onError({ requestId }, _failure, out) {
      out.u16(7).u32(Number(requestId)).u8(2)
    },
  }),
}
export const codecs = [mine]
`

interface Project {
  readonly folder: string
  readonly file: string
}

function project(t: TestContext, code: string = CODEC): Project {
  const folder = mkdtempSync(join(tmpdir(), 'judge-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'my-codec.ts')
  writeFileSync(file, code)
  mkdirSync(join(folder, 'samples'))
  writeFileSync(join(folder, 'samples', 'add.request.hex'), '0009 0000002a 00 0102 # adds\n')
  writeFileSync(join(folder, 'samples', 'add.reply.hex'), '0008 0000002a 01 03\n')
  return { folder, file }
}

/** Runs `meltemi codec test` with these arguments. */
async function tested(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = ''
  let error = ''
  const code = await runMeltemi(['codec', 'test', ...args], {
    write: (text) => {
      out += text
    },
    writeError: (text) => {
      error += text
    },
  })
  return { code, out, error }
}

test('codec test --help has every option with its default, examples and exit codes', async () => {
  const text = (await tested('--help')).out.replaceAll(/\s+/g, ' ')
  const silent = { write: () => {}, writeError: () => {} }
  for (const option of createCodecTestCommand(silent, { exitCode: 0 }).options) {
    assert.ok(text.includes(option.flags), option.flags)
    if (option.long !== '--codec') assert.match(text, new RegExp(`${option.long} <\\w+> [^<]+default: `), option.flags)
  }
  for (const part of ['$ meltemi codec test ./my-codec.ts', '--format junit --output', 'Exit code: 0']) {
    assert.ok(text.includes(part), part)
  }
})

test('a right codec passes, and every rule is listed with its outcome', async (t) => {
  const { file } = project(t)
  const { code, out, error } = await tested(file)
  assert.deepEqual([code, error], [0, ''], out)
  for (const { id, title } of RULES) assert.match(out, new RegExp(`^ {2}(pass|n/a ) {2}${id} +${title}`, 'm'))
  assert.match(out, /E5 .*: the codec has no patchIds/)
  assert.match(out, /\n\d+ passed, 0 failed, \d+ not applicable\n$/)
})

test('a codec that fails is told its rule, the shortest bytes and the line, with exit code 1', async (t) => {
  const { file } = project(t, CODEC.replace('u32(Number(requestId))', 'u16(0).u16(Number(requestId))'))
  const { code, out } = await tested(file)
  assert.equal(code, 1)
  const line = CODEC.split('\n').findIndex((text) => text.includes('encode({')) + 1
  assert.match(
    out,
    new RegExp(`FAIL {2}E3 .*\n.*2147483647.*\n.*sample .*\n +bytes +00070000002a01\n +at +${file}:${line}\n`),
  )
  assert.match(out, /\n\d+ passed, 1 failed, \d+ not applicable, \d+ not run\n$/)
})

test('only the rules that are asked for are run, and those that they rest on', async (t) => {
  const { file } = project(t)
  const { code, out } = await tested(file, '--rule', 'D3', '--rule', 'E1')
  assert.equal(code, 0)
  assert.deepEqual(
    [...out.matchAll(/^ {2}pass {2}(\w+)/gm)].map(([, id]) => id),
    ['F1', 'D1', 'D3', 'E1'],
  )
})

test('the JSON report has the shape that docs/codec-rules.md shows', async (t) => {
  const { file } = project(t, CODEC.replace('u32(Number(requestId))', 'u32(1)'))
  const { code, out } = await tested(file, '--format', 'json')
  assert.equal(code, 1)
  const report = JSON.parse(out)
  const page = readFileSync(new URL('../../../../../docs/codec-rules.md', import.meta.url), 'utf8')
  const shown = JSON.parse(/```json\n(.*?)```/s.exec(page)![1]!)
  assert.deepEqual(Object.keys(report), Object.keys(shown))
  assert.equal(report.passed + report.failed + report.notApplicable + report.notRun, RULES.length)
  for (const example of shown.rules) {
    const { title } = RULES.find(({ id }) => id === example.id)!
    assert.equal(example.title, title)
    const alike = report.rules.find(({ outcome }: { outcome: string }) => outcome === example.outcome)
    assert.deepEqual(Object.keys(alike), Object.keys(example))
    // this sample has no options
    const { config: _, ...failure } = example.failure ?? {}
    assert.deepEqual(Object.keys(alike.failure ?? {}), Object.keys(failure))
  }
  assert.equal(report.failed, 1)
})

test('a report goes to the file that is named, and the terminal learns the result', async (t) => {
  const { file, folder } = project(t)
  const output = join(folder, 'codec.xml')
  const { code, out } = await tested(file, '--format', 'junit', '--output', output, '--rule', 'D1')
  assert.deepEqual([code, out], [0, 'mine: no rule fails\n'])
  assert.match(readFileSync(output, 'utf8'), /^<\?xml .*<testcase classname="mine" name="D1 Every sample.*"\/>/s)
  const wrong = await tested(file, '--output', join(folder, 'absent', 'codec.xml'), '--rule', 'D1')
  assert.equal(wrong.code, 1)
  assert.match(wrong.error, /^error: .*codec\.xml cannot be written: ENOENT/)
})

test('a codec that loops for ever fails the rule that found it, and the command ends', async (t) => {
  const { file } = project(t, CODEC.replace('// KIND', 'while (buffer.u8(6) === 0x77);'))
  const { code, out } = await tested(file, '--rule-limit-s', '2')
  assert.equal(code, 1)
  assert.match(out, /FAIL {2}D11 .*\n +decode did not return within 2 s\n.*\n +bytes .*77/)
  assert.match(out, /skip {2}E1 .*: the codec did not return in D11\n/)
})

test('a codec that ends its process or takes all memory fails the rule, and the command goes on', async (t) => {
  for (const [code, what] of [
    ['process.exit(0)', 'the codec ended its thread with exit code 0'],
    ['for (const all: unknown[] = []; ; ) all.push(new Array(1e6).fill(all))', 'the codec ended its thread: .*memory'],
  ]) {
    const { file } = project(t, CODEC.replace('// KIND', `if (buffer.u8(6) === 0x77) { ${code} }`))
    const result = await tested(file)
    assert.equal(result.code, 1)
    assert.match(result.out, new RegExp(`FAIL {2}D11 .*\n +${what}`))
  }
})

test('whatever there is not to judge is one clear line and exit code 1', async (t) => {
  const { file, folder } = project(t)
  const bad = join(folder, 'bad.request.hex')
  writeFileSync(bad, '00\n0g\n')
  for (const [args, line] of [
    [[join(folder, 'absent.ts')], /absent\.ts: no such file, and no built-in codec of this name/],
    [['thrift'], /no samples: a built-in codec brings none; name them by --samples/],
    [[file, '--samples', join(folder, 'absent')], /absent: no such file or folder/],
    [[file, '--samples', bad], /bad\.request\.hex:2: "g" is not a hexadecimal digit/],
    [[file, '--codec', 'other'], /my-codec\.ts has no codec 'other', it has mine/],
    [[file, '--rule', 'D99'], /--rule.*D99.*from F1 to S4/],
    [[file, '--format', 'xml'], /--format.*text, json, junit/],
  ] as const) {
    const { code, out, error } = await tested(...args)
    assert.deepEqual([code, out], [1, ''], args.join(' '))
    assert.match(error, line)
    assert.match(error, /^error: [^\n]*\n$/)
  }
})
