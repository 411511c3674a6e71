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
import { trpc } from './index.ts'

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

const pair = (tag: string, key: string, value: string) => sized(tag, sized('0a', text(key)) + sized('12', text(value)))

interface Unary {
  readonly body?: string
  /** Stream id, version and reserved. */
  readonly tail?: string
}

function unary(header: string, { body = '', tail = '00000000 0000' }: Unary = {}): Buffer {
  const [headerBytes, bodyBytes] = [hex(header), hex(body)]
  const head = hex(`0930 0000 00000000 0000 ${tail}`)
  head.writeUInt32BE(16 + headerBytes.length + bodyBytes.length, 4)
  head.writeUInt16BE(headerBytes.length, 8)
  return Buffer.concat([head, headerBytes, bodyBytes])
}

function stream(kind: '01' | '02' | '03' | '04', payload: string, id = '00000065'): Buffer {
  const bytes = hex(payload)
  const head = hex(`0930 01${kind} 00000000 0000 ${id} 0000`)
  head.writeUInt32BE(16 + bytes.length, 4)
  return Buffer.concat([head, bytes])
}

const NAMES = sized('2a', text('a.b')) + sized('32', text('c.d')) + sized('3a', text('/c.d/Say'))
/** Id 9, timeout 500 ms, names, two pairs, and a field 100 that nobody knows. */
const CALL = unary(`1809 20f403 ${NAMES} ${pair('4a', 'k', 'v')} ${pair('4a', 'l', 'w')} a00607`, { body: '616263' })
const ONE_WAY = unary(`1001 1809 ${NAMES}`)
/** The id of its frame is that of the request, as version 1 has it. */
const VERSION_1 = unary(`180a ${NAMES}`, { tail: '0000000a 0100' })
const REPLY = unary(`1809 ${pair('42', 'k', 'v')}`, { body: '78' })
const FAILED = unary(`1809 200b ${sized('32', text('no service'))}`)
const NOT_OF_THE_FRAMEWORK = unary(`1809 28ffffffffffffffffff01 ${sized('32', text('mine'))}`)
const META = sized('0a', text('a.b')) + sized('12', text('c.d')) + sized('1a', text('/c.d/Say')) + pair('2a', 'k', 'v')
const INIT = stream('01', `${sized('0a', META)} 18ffff03`)
const OPENED = stream('01', '1200 18ffff03')
const REFUSED = stream('01', sized('12', `080c ${sized('12', text('no func'))}`.replaceAll(' ', '')))
const DATA = stream('02', '616263')
const FEEDBACK = stream('03', '088020')
const CLOSE = stream('04', '')
const RESET = stream('04', `0801 10a101 ${sized('1a', text('gone'))}`)

conformance(trpc, [
  { ...request(CALL), name: 'call', changeable: ['k', 'l'] },
  { ...request(ONE_WAY), name: 'one-way' },
  { ...request(VERSION_1), name: 'version 1' },
  { ...request(INIT), name: 'init' },
  { ...request(DATA), name: 'data' },
  { ...request(FEEDBACK), name: 'feedback' },
  { ...request(CLOSE), name: 'close' },
  { ...request(RESET), name: 'reset' },
  { ...reply(REPLY), name: 'reply', changeable: ['k'] },
  { ...reply(FAILED), name: 'failed' },
  { ...reply(NOT_OF_THE_FRAMEWORK), name: 'failed by the service' },
  { ...reply(OPENED), name: 'opened' },
  { ...reply(REFUSED), name: 'refused', ids: false },
  { ...reply(DATA), name: 'data of the service' },
  { ...reply(CLOSE), name: 'returned' },
  { ...reply(RESET), name: 'reset by the service' },
])

test('what real peers said to each other is as the judge wants it', async () => {
  assert.ok(readdirSync(SAMPLES).length >= 12)
  assertConforms(trpc, await loadSamples(SAMPLES))
})

test('whole connections of real peers are read to their last byte, and written as they were', () => {
  const files = readdirSync(TESTDATA).filter((name) => name.endsWith('.bin'))
  assert.ok(files.length >= 10)
  for (const name of files) {
    const bytes = readFileSync(new URL(name, TESTDATA))
    const side = name.includes('.request.') ? 'downstream' : 'upstream'
    const messages = feed(trpc, { name, side, bytes }, [bytes])
    assert.ok(messages.length > 0, name)
    assert.equal(Buffer.concat(messages.map((message) => encoded(message))).equals(bytes), true, name)
  }
})

function decoded(sample: Sample): Metadata {
  return decodeSample(trpc, sample)[0] as Metadata
}

test('a request has its id, its timeout, its names and its trans_info', () => {
  const { type, requestId, timeoutMs, headerSize, bodySize, operation, properties } = factsOf(decoded(request(CALL)))
  assert.deepEqual([type, requestId, timeoutMs, operation], [MessageType.Request, 9, 500, '/c.d/Say'])
  assert.deepEqual([headerSize, bodySize], [CALL.length - 3, 3])
  assert.deepEqual(properties, { caller: 'a.b', callee: 'c.d', func: '/c.d/Say', k: 'v', l: 'w' })
})

test('no trans_info takes the place of what the header says itself', () => {
  const pairs = ['caller', 'callee', 'func', 'Func'].map((key) => pair('4a', key, 'x')).join('')
  const message = decoded(request(unary(NAMES + pairs)))
  assert.deepEqual(factsOf(message).properties, { caller: 'a.b', callee: 'c.d', func: '/c.d/Say' })
})

test('of two equal keys of trans_info the last one counts', () => {
  const message = decoded(request(unary(NAMES + pair('4a', 'k', '1') + pair('4a', 'k', '2'))))
  assert.deepEqual([message.get('k'), message.requestId], ['2', 0])
})

test('a call of type 1 is one-way', () => {
  assert.equal(decoded(request(ONE_WAY)).type, MessageType.Oneway)
})

test('a reply fails by a code of the framework or of the service', () => {
  const ok = decoded(reply(REPLY))
  assert.deepEqual(
    [ok.status, ok.get('error_msg'), ok.get('k'), ok.get('ret')],
    [ResponseStatus.Ok, '', 'v', undefined],
  )
  const failed = decoded(reply(FAILED))
  assert.deepEqual([failed.type, failed.status], [MessageType.Response, ResponseStatus.Error])
  assert.deepEqual([failed.get('error_msg'), failed.get('ret')], ['no service', '11'])
  const other = decoded(reply(NOT_OF_THE_FRAMEWORK))
  assert.deepEqual([other.status, other.get('func_ret')], [ResponseStatus.Error, '-1'])
})

test('stream frames have their type, and end otherwise for a client than for a service', () => {
  const T = MessageType
  const sent = [INIT, DATA, FEEDBACK, CLOSE, RESET].map((bytes) => decoded(request(bytes)))
  const expected = [T.StreamInit, T.StreamData, T.StreamData, T.StreamCloseOneWay, T.StreamCloseTwoWay]
  assert.deepEqual(
    sent.map(({ type }) => type),
    expected,
  )
  assert.deepEqual(new Set(sent.map(({ streamId }) => streamId)), new Set([0x65]))
  const got = [OPENED, REFUSED, DATA, CLOSE, RESET].map((bytes) => decoded(reply(bytes)))
  const answered = [T.StreamInit, T.Error, T.StreamData, T.StreamCloseTwoWay, T.StreamCloseTwoWay]
  assert.deepEqual(
    got.map(({ type }) => type),
    answered,
  )
  assert.deepEqual(
    got.map(({ status }) => status),
    [0, 1, 0, 0, 1],
  )
  assert.deepEqual([got[1]!.get('ret'), got[1]!.get('error_msg')], ['12', 'no func'])
  assert.deepEqual([got[4]!.get('ret'), got[4]!.get('error_msg')], ['161', 'gone'])
})

test('what opens a stream is routed by the same names as a call', () => {
  const { operation, properties } = factsOf(decoded(request(INIT)))
  assert.equal(operation, '/c.d/Say')
  assert.deepEqual(properties, { caller: 'a.b', callee: 'c.d', func: '/c.d/Say', k: 'v' })
})

function encoded(metadata: Metadata, changes: Readonly<Record<string, string | undefined>> = {}): Buffer {
  const mutation = new Mutation()
  for (const [key, value] of Object.entries(changes)) mutation.set(key, value)
  const out = new ByteWriter()
  trpc.create('upstream', undefined).encode(metadata, mutation, out)
  return Buffer.concat(out.flush())
}

test('from version 1 on the frame has the id of the request too', () => {
  const message = decoded(request(VERSION_1))
  message.requestId = 0x01020304
  assert.equal(encoded(message).readUInt32BE(10), 0x01020304)
  const older = decoded(request(CALL))
  older.requestId = 0x01020304
  assert.equal(encoded(older).readUInt32BE(10), 0)
})

test('of several ids none survives: a service must not answer to one that the client has made up', () => {
  const message = decoded(request(unary('1809 2001 1807')))
  assert.equal(message.requestId, 7)
  message.requestId = 1024
  assert.equal(encoded(message).toString('hex', 16), '188008' + '2001' + '188008')
})

test('a mutation changes trans_info and keeps every other byte', () => {
  const bytes = encoded(decoded(request(CALL)), { k: 'new', l: undefined, 'x-request-id': 'r' })
  const expected = `1809 20f403 ${NAMES} a00607 ${pair('4a', 'k', 'new')} ${pair('4a', 'x-request-id', 'r')}`
  assert.equal(bytes.toString('hex'), unary(expected, { body: '616263' }).toString('hex'))
  const answer = encoded(decoded(reply(REPLY)), { k: '2' })
  assert.equal(answer.toString('hex'), unary(`1809 ${pair('42', 'k', '2')}`, { body: '78' }).toString('hex'))
})

test('a mutation changes what opens a stream, and no other frame of it', () => {
  const message = decoded(request(INIT))
  message.streamId = 7
  const meta = META.slice(0, -pair('2a', 'k', 'v').length) + pair('2a', 'a', 'b') + pair('2a', 'k', 'new')
  const expected = stream('01', `18ffff03`, '00000007')
  const bytes = encoded(message, { k: 'new', a: 'b' })
  assert.equal(bytes.toString('hex', 16), `${sized('0a', meta)}${expected.toString('hex', 16)}`)
  assert.equal(bytes.readUInt32BE(4), bytes.length)
  const bare = encoded(decoded(request(stream('01', '180a'))), { k: 'v' })
  assert.equal(bare.toString('hex', 16), `180a${sized('0a', pair('2a', 'k', 'v'))}`)
  assert.equal(encoded(decoded(request(DATA)), { k: 'v' }).equals(DATA), true)
})

test('a header that would not fit its 16 bits is refused, with nothing of it written', () => {
  const message = decoded(request(CALL))
  assert.throws(() => encoded(message, { k: 'x'.repeat(65_500) }), /header of \d+ bytes exceeds 65535/)
  const many = unary(Array.from({ length: 256 }, (_, n) => pair('4a', `key ${n}`, '')).join(''))
  assert.throws(() => encoded(decoded(request(many)), { k: 'v' }), /more than 256 pairs/)
})

function failure(type: ErrorType, message = 'e'): Failure {
  return { code: 'test', type, message, source: 'proxy', retriable: 'no' }
}

function errorReply(bytes: Buffer, type: ErrorType, message?: string): Buffer {
  const out = new ByteWriter()
  trpc.create('downstream', undefined).onError(decoded(request(bytes)), failure(type, message), out)
  return Buffer.concat(out.flush())
}

test('the error reply to a call is a header with code and text', () => {
  const expected = hex('0930 0000 00000019 0009 00000000 0000 1809 200b 280b 320165')
  assert.equal(errorReply(CALL, ErrorType.RouteNotFound).toString('hex'), expected.toString('hex'))
  const tail = errorReply(VERSION_1, ErrorType.RouteNotFound).toString('hex', 10, 16)
  assert.equal(tail, '0000000a0100')
})

test('the error reply to what opens a stream is a refusal', () => {
  assert.equal(
    errorReply(INIT, ErrorType.RouteNotFound).toString('hex'),
    stream('01', '1205 080b 120165').toString('hex'),
  )
})

test('a stream that has been answered ends by a reset with code and text', () => {
  const codec = trpc.create('downstream', undefined)
  const out = new ByteWriter()
  codec.failStream?.(decoded(request(INIT)), failure(ErrorType.Unspecified), out)
  assert.equal(Buffer.concat(out.flush()).toString('hex'), stream('04', '0801 101f 1a0165').toString('hex'))
  codec.resetStream?.(decoded(request(INIT)), 7, out)
  const [reset] = decodeSample(trpc, request(Buffer.concat(out.flush())))
  assert.deepEqual([reset!.type, reset!.streamId], [MessageType.StreamCloseTwoWay, 7])
  assert.equal(reset!.get('ret'), '161')
})

test('each error type has its fitting code, and a long text is cut off between two characters', () => {
  const codes = [...Object.values(ErrorType), 99 as ErrorType].map((type) => {
    return decoded(reply(errorReply(CALL, type))).get('ret')
  })
  assert.deepEqual(codes, ['11', '31', '31', '31', '31', '23', '21', '41', '31', '31'])
  const long = decoded(reply(errorReply(CALL, ErrorType.Fault, `x${'é'.repeat(40_000)}`))).get('error_msg')
  assert.equal(long, `x${'é'.repeat(16_383)}`)
})

const BAD: Readonly<Record<string, readonly [bytes: Buffer, why: RegExp]>> = {
  'another protocol': [Buffer.from('GET / HTTP/1.1\r\n'), /magic 4745 is not that of tRPC/],
  'a frame type that is none': [hex('0930 0200 00000010 0000 00000000 0000'), /frame type 2/],
  'a unary frame that says it is of a stream': [hex('0930 0002 00000010 0000 00000001 0000'), /stream frame 2/],
  'a stream frame that is none': [hex('0930 0105 00000010 0000 00000001 0000'), /stream frame 5/],
  'a frame shorter than its head': [hex('0930 0000 0000000f 0000 00000000 0000'), /frame size 15/],
  'a header longer than its frame': [hex('0930 0000 00000010 0001 00000000 0000'), /below the 17 bytes/],
  'a frame above the limit': [hex('0930 0000 7fffffff 0000 00000000 0000'), /exceeds/],
  'stream id 0': [stream('02', '', '00000000'), /stream id 0/],
  'a stream id above 31 bits': [stream('02', '', '80000000'), /stream id 2147483648/],
  'a header that is no protobuf': [unary('ff'), /ends within a varint/],
  'trans_info that is no protobuf': [unary('4a01ff'), /ends within a varint/],
  'more trans_info than is sane': [unary('4a00'.repeat(257)), /more than 256 pairs/],
  'an opening that is no protobuf': [stream('01', '0a01ff'), /ends within a varint/],
}

for (const [name, [bytes, why]] of Object.entries(BAD)) {
  test(`${name} is refused`, () => {
    const isExpected = (error: unknown) => error instanceof ProtocolError && why.test(error.message)
    assert.throws(() => feed(trpc, request(bytes), [bytes]), isExpected)
  })
}

test('the protocol is detected from as few bytes as can tell', () => {
  const verdicts = ['', '09', '0930', '0931', '50', '0930010200'].map((bytes) => {
    const buffer = new ReceiveBuffer()
    if (bytes !== '') buffer.append(hex(bytes))
    return trpc.detect?.(buffer)
  })
  assert.deepEqual(verdicts, [undefined, undefined, true, false, false, true])
})
