import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runMeltemi } from '../../run-meltemi.ts'
import { createCodecBenchCommand } from './bench.ts'

const SAMPLES = fileURLToPath(new URL('../../../../codecs/src/awesomerpc/samples', import.meta.url))

async function bench(...args: readonly string[]): Promise<{ code: number; out: string; errors: string }> {
  const said = { code: 0, out: '', errors: '' }
  said.code = await runMeltemi(['codec', 'bench', ...args], {
    write: (part) => {
      said.out += part
    },
    writeError: (part) => {
      said.errors += part
    },
  })
  return said
}

test('a table has time and bytes of each operation, for each sample and over all', async () => {
  const { code, out } = await bench('awesomerpc', '--samples', SAMPLES, '--for', '20ms')
  assert.equal(code, 0)
  assert.match(out, /^aeraki\.meta_protocol\.codec\.awesomerpc, Node v\d+/)
  assert.match(out, /^ {2}operation +ns +\(min–max\) +B$/m)
  const row = (operation: string) => ` {2}${operation} +[\\d.]+ +\\([\\d.]+–[\\d.]+\\) +[\\d.]+\n`
  const rows = ['decode', 'encode', 'patchIds', 'onError'].map(row).join('')
  assert.match(out, new RegExp(`^call, downstream, 16 bytes\n${rows}`, 'm'))
  assert.match(out, new RegExp(`^all samples\n${rows}$`, 'm'))
})

test('--format json has the same as numbers', async () => {
  const { code, out } = await bench('awesomerpc', '--samples', SAMPLES, '--for', '20ms', '--format', 'json')
  const { node, codec, samples, total } = JSON.parse(out)
  assert.equal(code, 0)
  assert.equal(node, process.version)
  assert.equal(codec, 'aeraki.meta_protocol.codec.awesomerpc')
  assert.deepEqual(samples.map(({ name }: { name: string }) => name).sort(), ['call', 'empty', 'failed', 'reply'])
  for (const { operation, messages, ns, bytes } of [...samples[0].results, ...total]) {
    assert.ok(['decode', 'encode', 'patchIds', 'onError'].includes(operation))
    assert.ok(messages > 0 && ns.median > 0 && ns.min <= ns.median && ns.median <= ns.max && bytes >= 0)
  }
})

test('what cannot be measured is said in one line, exit code 1', async () => {
  const { code, out, errors } = await bench('thrift', '--samples', SAMPLES, '--for', '1ms')
  assert.equal(code, 1)
  assert.match(errors, /^error: downstream sample "call": first bytes 010000002a00 are no strict binary.*\n$/)
  assert.equal(out, '')
  const without = await bench('thrift')
  assert.deepEqual([without.code, without.errors.split('\n').length], [1, 2])
})

test('--help has every option with its default, the operations, examples and exit codes', async () => {
  const { code, out } = await bench('--help')
  const plain = out.replaceAll(/\s+/g, ' ')
  assert.equal(code, 0)
  for (const option of createCodecBenchCommand({ write: () => {}, writeError: () => {} }).options) {
    assert.ok(plain.includes(option.long as string) && option.description.length > 10, option.flags)
  }
  for (const part of ['(default: 1s)', 'default: "text"', 'patchIds', 'ids by encode', 'Examples:', 'Exit code:']) {
    assert.ok(plain.includes(part), part)
  }
})
