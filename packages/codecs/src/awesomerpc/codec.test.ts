import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ByteWriter, ErrorType, type Failure, MessageType, ProtocolError, ResponseStatus } from '@meltemi/sdk'
import { conformance, decodeSample, factsOf, feed, type Sample } from '@meltemi/sdk/testing'
import { awesomerpc } from './index.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const request: Sample = { name: 'request', side: 'downstream', bytes: hex('01 0000002a 00000010 0007 0000 616263') }
const reply: Sample = { name: 'reply', side: 'upstream', bytes: hex('01 0000002a 00000010 0007 0000 616263') }
const failed: Sample = { name: 'failed reply', side: 'upstream', bytes: hex('01 ffffffff 0000000d ffff ffff') }
const empty: Sample = { name: 'empty request', side: 'downstream', bytes: hex('ff 00000000 0000000d 8000 1234') }
const long: Sample = {
  name: 'long request',
  side: 'downstream',
  bytes: Buffer.concat([hex('01 00000007 00001395 0001 0000'), Buffer.alloc(5000, 0x5a)]),
}

conformance(awesomerpc, [request, reply, failed, empty, long])

test('a request has its id, its sizes and its signed command', () => {
  const facts = factsOf(decodeSample(awesomerpc, request)[0]!)
  const { type, status, requestId, headerSize, bodySize, properties } = facts
  assert.deepEqual(
    { type, status, requestId, headerSize, bodySize, properties },
    {
      type: MessageType.Request,
      status: ResponseStatus.Ok,
      requestId: 42,
      headerSize: 13,
      bodySize: 3,
      properties: { cmd: '7' },
    },
  )
  assert.equal(decodeSample(awesomerpc, empty)[0]!.get('cmd'), '-32768')
})

test('rsp_code counts in replies alone', () => {
  assert.equal(decodeSample(awesomerpc, reply)[0]!.status, ResponseStatus.Ok)
  assert.equal(decodeSample(awesomerpc, failed)[0]!.status, ResponseStatus.Error)
  assert.equal(decodeSample(awesomerpc, failed)[0]!.requestId, 0xffffffff)
  assert.equal(decodeSample(awesomerpc, empty)[0]!.status, ResponseStatus.Ok)
})

test('an error reply has version, id and command of the request, no payload and rsp_code 1', () => {
  const failure: Failure = { code: 'x', type: ErrorType.Timeout, message: 'late', source: 'proxy', retriable: 'no' }
  const out = new ByteWriter()
  awesomerpc.create('downstream', undefined).onError(decodeSample(awesomerpc, request)[0]!, failure, out)
  assert.equal(Buffer.concat(out.flush()).toString('hex'), '010000002a0000000d00070001')
})

test('a length below the header is refused', () => {
  for (const length of ['00000000', '0000000c']) {
    const bytes = hex(`01 0000002a ${length} 0007 0000 616263`)
    assert.throws(() => feed(awesomerpc, { ...request, bytes }, [bytes]), ProtocolError)
  }
})

test('the codec is at most 60 lines of code', () => {
  const source = readFileSync(new URL('./codec.ts', import.meta.url), 'utf8')
  const withoutComments = source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
  const lines = withoutComments.split('\n').filter((line) => line.trim() !== '')
  assert.ok(lines.length <= 60, `${lines.length} lines of code`)
})
