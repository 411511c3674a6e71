import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { MessageType } from '@meltemi/sdk'
import type { CommandError } from '../command-error.ts'
import { type InspectHexOptions, inspectHex, parseHex } from './inspect-hex.ts'
import { rpc } from './testing/inspect-bytes.ts'
import { line, lineCodec } from './testing/line-codec.ts'

const OPTIONS: Omit<InspectHexOptions, 'write'> = {
  definition: awesomerpc,
  config: undefined,
  redacted: new Set(),
  maxShownBytes: 4096,
  maxMessageBytes: 1024,
  side: 'downstream',
  format: 'text',
}

function said(bytes: Buffer, options: Partial<InspectHexOptions> = {}): string {
  let text = ''
  const write = (part: string): void => {
    text += part
  }
  inspectHex(bytes, { ...OPTIONS, ...options, write })
  return text
}

test('each message is shown field by field, with its bytes', () => {
  assert.equal(
    said(Buffer.concat([rpc(42, 'hello, long enough'), rpc(43, '')])),
    `request, bytes 0 to 30
  id          42
  status      ok
  properties  cmd=1
  header      13 bytes
    0000  00 00 00 00 2a 00 00 00  1f 00 01 00 00           |....*........|
  body        18 bytes
    000d  68 65 6c 6c 6f 2c 20 6c  6f 6e 67 20 65 6e 6f 75  |hello, long enou|
    001d  67 68                                             |gh|
request, bytes 31 to 43
  id          43
  status      ok
  properties  cmd=1
  header      13 bytes
    001f  00 00 00 00 2b 00 00 00  0d 00 01 00 00           |....+........|
  body        0 bytes
`,
  )
})

test('fields that say something are shown, and at most as many bytes as asked for', () => {
  const bytes = line({ type: MessageType.Heartbeat, id: 1, stream: 7, isError: true, more: true, text: 'tick' })
  assert.equal(
    said(bytes, { definition: lineCodec('order'), side: 'upstream', maxShownBytes: 4 }),
    `heartbeat, bytes 0 to 21
  stream      7
  status      error
  operation   tick
  last        no, more replies follow
  properties  text=tick
  header      22 bytes
    0000  37 20 31 20                                       |7 1 |
  body        0 bytes
    … 18 more bytes
`,
  )
})

test('JSON has an object for each message, and one for bytes that are left over', () => {
  const lines = said(Buffer.concat([rpc(1, 'x', true), rpc(2).subarray(0, 9)]), {
    format: 'json',
    side: 'upstream',
    maxShownBytes: undefined,
  })
  const [message, rest] = lines
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as Record<string, unknown>)
  assert.deepEqual(message, {
    ...{ kind: 'message', side: 'reply', type: 'response', packet: null, time: null, offset: 0, size: 14, id: 1 },
    ...{ status: 'error', operation: '', properties: { cmd: '1' }, header_size: 13, body_size: 1 },
  })
  assert.deepEqual(rest, { kind: 'note', code: 'unfinished', offset: 14, text: '9 bytes of a message without its end' })
})

test('what the codec refuses is an error that says where and why', () => {
  const bad = rpc(2)
  bad.writeUInt32BE(3, 5)
  assert.throws(
    () => said(Buffer.concat([rpc(1), bad])),
    (error: CommandError) => error.lines.join() === 'bytes from 18: pack_len 3 is below 13',
  )
})

test('hex may have white space and comments, and nothing else', () => {
  assert.deepEqual(parseHex('00 ff # a comment\n\tAb c\nd'), Buffer.from('00ffabcd', 'hex'))
  for (const [text, expected] of [
    ['', '--hex: no bytes'],
    ['# only this', '--hex: no bytes'],
    ['00 0', '--hex: 3 digits, the last byte has one only'],
    ['0x00', '--hex: "x" is no hexadecimal digit'],
  ] as const) {
    assert.throws(
      () => parseHex(text),
      (error: CommandError) => error.lines.join() === expected,
    )
  }
})
