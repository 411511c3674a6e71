import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ByteWriter, ErrorType, type Failure, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { conformance, decodeSample, loadSamples, type Sample } from '@meltemi/sdk/testing'
import { codec } from './codec.ts'

const samples = await loadSamples(join(import.meta.dirname, 'samples'))

// The judge: splits the samples at every byte, cuts them off, damages them, and more.
conformance(codec, samples)

// What only this protocol has.

function decode(side: Sample['side'], line: string): Metadata {
  const [message] = decodeSample(codec, { name: line, side, bytes: Buffer.from(line) })
  assert.ok(message !== undefined)
  return message
}

test('a request has its command and its sizes, whichever way its line ends', () => {
  for (const end of ['\n', '\r\n']) {
    const request = decode('downstream', `HELLO big world${end}`)
    assert.equal(request.get('cmd'), 'HELLO')
    assert.equal(request.headerSize, 5)
    assert.equal(request.bodySize, 10 + end.length)
  }
})

test('a line without a text is nothing but a command', () => {
  for (const line of ['BYE\n', 'BYE\r\n']) assert.equal(decode('downstream', line).get('cmd'), 'BYE')
})

test('a reply that says FAILED has failed; in a request it means nothing', () => {
  assert.equal(decode('upstream', 'FAILED no room\r\n').status, ResponseStatus.Error)
  assert.equal(decode('upstream', 'HELLO FAILED\r\n').status, ResponseStatus.Ok)
  assert.equal(decode('downstream', 'FAILED no room\r\n').status, ResponseStatus.Ok)
})

test('the proxy answers in a single line, whatever is in the text', () => {
  const message = 'no route\r\nfor this'
  const failure: Failure = { code: 'x', type: ErrorType.RouteNotFound, message, source: 'proxy', retriable: 'no' }
  const out = new ByteWriter()
  codec.create('downstream', undefined).onError(decode('downstream', 'HELLO world\n'), failure, out)
  assert.equal(Buffer.concat(out.flush()).toString(), 'FAILED no route for this\r\n')
})
