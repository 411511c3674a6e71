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

function decode(side: Sample['side'], header: string): Metadata {
  const bytes = Buffer.alloc(32)
  bytes.write(header.replaceAll(' ', ''), 'hex')
  const [message] = decodeSample(codec, { name: header, side, bytes })
  assert.ok(message !== undefined)
  return message
}

test('a request has its id, its sizes and its command', () => {
  const request = decode('downstream', '0000002a ff 00')
  assert.equal(request.requestId, 42)
  assert.equal(request.headerSize, 6)
  assert.equal(request.bodySize, 26)
  assert.equal(request.get('cmd'), '255')
})

test('a reply whose status is not 0 has failed; in a request it means nothing', () => {
  assert.equal(decode('upstream', '0000002a 01 01').status, ResponseStatus.Error)
  assert.equal(decode('downstream', '0000002a 01 01').status, ResponseStatus.Ok)
})

test('the proxy answers with the id and the command of the request, and as much of the reason as there is room for', () => {
  const message = 'no route for this request ü'
  const failure: Failure = { code: 'x', type: ErrorType.RouteNotFound, message, source: 'proxy', retriable: 'no' }
  const out = new ByteWriter()
  codec.create('downstream', undefined).onError(decode('downstream', '0000002a 07 00'), failure, out)
  const reply = Buffer.concat(out.flush())
  assert.equal(reply.length, 32)
  assert.equal(reply.toString('hex', 0, 6), '0000002a0701')
  assert.equal(reply.toString('utf8', 6), 'no route for this request ')
})
