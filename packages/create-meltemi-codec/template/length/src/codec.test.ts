import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ByteWriter, ErrorType, type Failure, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { conformance, decodeSample, loadSamples, type Sample } from '@meltemi/sdk/testing'
import { codec } from './codec.ts'

const samples = await loadSamples(join(import.meta.dirname, 'samples'))

// The judge: splits the samples at every byte, cuts them off, damages them, exchanges their ids, and more.
conformance(codec, samples)

// What only this protocol has.

function decode(side: Sample['side'], hex: string): Metadata {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const [message] = decodeSample(codec, { name: hex, side, bytes })
  assert.ok(message !== undefined)
  return message
}

test('a request has its id, its sizes and its signed command', () => {
  const request = decode('downstream', '01 0000002a 00000012 ffff 0000 776f726c64')
  assert.equal(request.requestId, 42)
  assert.equal(request.headerSize, 13)
  assert.equal(request.bodySize, 5)
  assert.equal(request.get('cmd'), '-1')
})

test('a reply whose status is not 0 has failed; in a request it means nothing', () => {
  const message = '01 0000002a 0000000d 0001 0001'
  assert.equal(decode('upstream', message).status, ResponseStatus.Error)
  assert.equal(decode('downstream', message).status, ResponseStatus.Ok)
})

test('a length below that of the header is refused', () => {
  assert.throws(() => decode('downstream', '01 0000002a 0000000c 0001 0000'), /length 12 is below 13/)
})

test('the proxy answers with the id and the command of the request, and status 1', () => {
  const failure: Failure = { code: 'x', type: ErrorType.Timeout, message: 'late', source: 'proxy', retriable: 'no' }
  const out = new ByteWriter()
  codec
    .create('downstream', undefined)
    .onError(decode('downstream', '01 0000002a 00000010 0007 0000 616263'), failure, out)
  assert.equal(Buffer.concat(out.flush()).toString('hex'), '010000002a0000000d00070001')
})
