import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  ByteWriter,
  ErrorType,
  type Failure,
  MessageType,
  type Metadata,
  Mutation,
  ProtocolError,
  ReceiveBuffer,
  ResponseStatus,
} from '@meltemi/sdk'
import {
  assertConforms,
  conformance,
  decodeSample,
  factsOf,
  feed,
  loadSamples,
  type Sample,
} from '@meltemi/sdk/testing'
import { brpc } from './index.ts'

const TESTDATA = new URL('testdata/', import.meta.url)
const SAMPLES = fileURLToPath(new URL('samples', import.meta.url))

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
const text = (value: string) => Buffer.from(value).toString('hex')
const request = (bytes: Buffer): Sample => ({ name: 'request', side: 'downstream', bytes })
const reply = (bytes: Buffer): Sample => ({ name: 'reply', side: 'upstream', bytes })

/** A field with a text or with other fields. */
function sized(tag: string, valueHex: string): string {
  return tag + hex(valueHex).length.toString(16).padStart(2, '0') + valueHex
}

const pair = (key: string, value: string) => sized('4a', sized('0a', text(key)) + sized('12', text(value)))

function message(meta: string, body = ''): Buffer {
  const [metaBytes, bodyBytes] = [hex(meta), hex(body)]
  const head = hex('50525043 00000000 00000000')
  head.writeUInt32BE(metaBytes.length + bodyBytes.length, 4)
  head.writeUInt32BE(metaBytes.length, 8)
  return Buffer.concat([head, metaBytes, bodyBytes])
}

const NAMES = sized('0a', text('test.Echo')) + sized('12', text('Say'))
/** Log id 7, timeout 500 ms, id 77, an attachment of two bytes, a user field, and a field 100 that nobody knows. */
const CALL = message(`${sized('0a', `${NAMES}180740f403`)} 204d 2802 ${pair('k', 'v')} a00607`, '616263 7879')
const WIDE = message(`${sized('0a', NAMES)} 20ffffffffffffffff7f`)
const REPLY = message(`1200 204d ${pair('k', 'v')}`, '78')
const FAILED = message(`${sized('12', `08e907${sized('12', text('no route'))}`)} 204d`)
const BARE = message('204d', '78')

conformance(brpc, [
  { ...request(CALL), name: 'call', changeable: ['k'] },
  { ...request(WIDE), name: 'wide id' },
  { ...reply(REPLY), name: 'reply', changeable: ['k'] },
  { ...reply(FAILED), name: 'failed' },
  { ...reply(BARE), name: 'reply without a response meta' },
])

test('what real peers said to each other is as the judge wants it', async () => {
  assert.ok(readdirSync(SAMPLES).length >= 6)
  assertConforms(brpc, await loadSamples(SAMPLES))
})

test('whole connections of real peers are read to their last byte, and written as they were', () => {
  const files = readdirSync(TESTDATA).filter((name) => name.endsWith('.bin'))
  assert.ok(files.length >= 10)
  for (const name of files) {
    const bytes = readFileSync(new URL(name, TESTDATA))
    const side = name.includes('.request.') ? 'downstream' : 'upstream'
    const messages = feed(brpc, { name, side, bytes }, [bytes])
    assert.ok(messages.length > 0, name)
    assert.equal(Buffer.concat(messages.map((message) => encoded(message))).equals(bytes), true, name)
  }
})

function decoded(sample: Sample): Metadata {
  return decodeSample(brpc, sample)[0] as Metadata
}

test('a request has its id, its timeout, its names and its user fields', () => {
  const { type, requestId, timeoutMs, headerSize, bodySize, operation, properties } = factsOf(decoded(request(CALL)))
  assert.deepEqual([type, requestId, timeoutMs, operation], [MessageType.Request, 77, 500, 'test.Echo/Say'])
  assert.deepEqual([headerSize, bodySize], [CALL.length - 5, 5])
  assert.deepEqual(properties, { k: 'v', service: 'test.Echo', interface: 'test.Echo', method: 'Say', log_id: '7' })
  assert.equal(decoded(request(WIDE)).requestId, 2n ** 63n - 1n)
})

test('user fields do not overwrite what is routed by', () => {
  const pairs = ['service', 'Service', 'interface', 'method', 'METHOD', 'log_id']
    .map((key) => pair(key, 'evil'))
    .join('')
  const call = decoded(request(message(`${sized('0a', `${NAMES}1807`)} 204d ${pairs}`)))
  assert.deepEqual(factsOf(call).properties, {
    service: 'test.Echo',
    interface: 'test.Echo',
    method: 'Say',
    log_id: '7',
  })
})

test('a timeout below zero is none', () => {
  const call = decoded(request(message(`${sized('0a', `${NAMES}40ffffffffffffffffff01`)} 204d`)))
  assert.equal(call.timeoutMs, 0)
})

test('a reply fails by its error code', () => {
  assert.equal(decoded(reply(REPLY)).status, ResponseStatus.Ok)
  assert.equal(decoded(reply(BARE)).status, ResponseStatus.Ok)
  const failed = decoded(reply(FAILED))
  assert.deepEqual([failed.type, failed.status, failed.requestId], [MessageType.Response, ResponseStatus.Error, 77])
  assert.deepEqual([failed.get('error_code'), failed.get('error_text')], ['1001', 'no route'])
})

function encoded(metadata: Metadata, changes: Readonly<Record<string, string | undefined>> = {}): Buffer {
  const mutation = new Mutation()
  for (const [key, value] of Object.entries(changes)) mutation.set(key, value)
  const out = new ByteWriter()
  brpc.create('upstream', undefined).encode(metadata, mutation, out)
  return Buffer.concat(out.flush())
}

test('another id leaves every other byte as it was, payload and attachment too', () => {
  const call = decoded(request(CALL))
  call.requestId = 1024
  const expected = message(`${sized('0a', `${NAMES}180740f403`)} 208008 2802 ${pair('k', 'v')} a00607`, '616263 7879')
  assert.equal(encoded(call).toString('hex'), expected.toString('hex'))
})

test('of several ids none survives: a service must not answer to one that the client has made up', () => {
  const call = decoded(request(message(`${sized('0a', NAMES)} 2009 2007`)))
  assert.equal(call.requestId, 7)
  call.requestId = 1024
  assert.equal(encoded(call).toString('hex', 12), `${sized('0a', NAMES)}208008208008`)
})

test('a mutation changes user fields, and a lowered timeout is written', () => {
  const call = decoded(request(CALL))
  call.timeoutMs = 90
  const expected = `${sized('0a', `${NAMES}1807405a`)} 204d 2802 a00607 ${pair('k', 'new')} ${pair('x', 'y')}`
  const bytes = encoded(call, { k: 'new', x: 'y' })
  assert.equal(bytes.toString('hex'), message(expected, '616263 7879').toString('hex'))
  assert.equal(
    encoded(decoded(reply(REPLY)), { k: undefined }).toString('hex'),
    message('1200 204d', '78').toString('hex'),
  )
})

function errorReply(bytes: Buffer, type: ErrorType): Buffer {
  const failure: Failure = { code: 'test', type, message: 'no route', source: 'proxy', retriable: 'no' }
  const out = new ByteWriter()
  brpc.create('downstream', undefined).onError(decoded(request(bytes)), failure, out)
  return Buffer.concat(out.flush())
}

test('the error reply is a meta with code, text and id', () => {
  const expected = hex('50525043 00000011 00000011 120d 08e907 1208 6e6f20726f757465 204d')
  assert.equal(errorReply(CALL, ErrorType.RouteNotFound).toString('hex'), expected.toString('hex'))
  assert.equal(decoded(reply(errorReply(WIDE, ErrorType.Timeout))).requestId, 2n ** 63n - 1n)
})

test('each error type has its fitting code', () => {
  const codes = [...Object.values(ErrorType), 99 as ErrorType].map((type) => {
    return decoded(reply(errorReply(CALL, type))).get('error_code')
  })
  assert.deepEqual(codes, ['1001', '1009', '1009', '2002', '1009', '2004', '1008', '1004', '2001', '1009'])
})

const BAD: Readonly<Record<string, readonly [bytes: Buffer, why: RegExp]>> = {
  'another protocol': [Buffer.from('GET / HTTP/1.1\r\n'), /magic 47455420 is not PRPC/],
  'the protocol of streams': [Buffer.from('STRM00000000'), /magic 5354524d is not PRPC/],
  'a body above the limit': [hex('50525043 7fffffff 00000000'), /exceeds/],
  'a meta longer than the body': [hex('50525043 00000004 00000005'), /meta of 5 bytes exceeds/],
  'a meta that is no protobuf': [message('ff'), /ends within a varint/],
  'a request meta that is no protobuf': [message('0a01ff'), /ends within a varint/],
  'a request without a request meta': [message('204d'), /names no service and method/],
  'a request without a method': [message(sized('0a', sized('0a', text('a')))), /names no service and method/],
  'more user fields than are sane': [message(`${sized('0a', NAMES)}${'4a00'.repeat(257)}`), /more than 256 pairs/],
}

for (const [name, [bytes, why]] of Object.entries(BAD)) {
  test(`${name} is refused`, () => {
    const isExpected = (error: unknown) => error instanceof ProtocolError && why.test(error.message)
    assert.throws(() => feed(brpc, request(bytes), [bytes]), isExpected)
  })
}

test('the protocol is detected from as few bytes as can tell', () => {
  const verdicts = ['', 'P', 'PRP', 'PRPC', 'PRPX', 'X', 'PRPC0000'].map((bytes) => {
    const buffer = new ReceiveBuffer()
    if (bytes !== '') buffer.append(Buffer.from(bytes))
    return brpc.detect?.(buffer)
  })
  assert.deepEqual(verdicts, [undefined, undefined, undefined, true, false, false, true])
})
