import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
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
  type Sample,
  singleBytes,
} from '@meltemi/sdk/testing'
import { thrift } from './index.ts'

const TESTDATA = new URL('testdata/', import.meta.url)
const CALLED = ['text', 'number', 'item', 'lists', 'fail', 'notes', 'note', 'notes', 'added']
const ANSWERED = CALLED.filter((name) => name !== 'note')

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
const framed = (message: string) => `${hex(message).length.toString(16).padStart(8, '0')} ${message}`
const request = (name: string, bytes: string): Sample => ({ name, side: 'downstream', bytes: hex(bytes) })

const SAY_HELLO = '00000008 73617948656c6c6f'
const BINARY = `80010001 ${SAY_HELLO} 00000005 0b0001 00000002 6869 00`
const COMPACT = '8221 05 08 73617948656c6c6f 18 02 6869 00'
/** Two pairs: a → 1, Method → evil; then zeros up to a multiple of four. */
const PAIRS = '0102 0161 0131 064d6574686f64 046576696c 00000000'
const HEADER_BINARY = framed(`0fff0000 00000005 0006 0000 ${PAIRS} ${BINARY}`)
const HEADER_COMPACT = framed(`0fff0000 fffffff0 0001 0200 0000 ${COMPACT}`)

const DIALECTS = ['framed', 'unframed', 'header'].flatMap((transport) => [
  `${transport}/binary`,
  `${transport}/compact`,
])
const checking = (dialect: string) => ({ health_check_method: 'demo:ping', health_check_dialect: dialect })

const golden: readonly Sample[] = readdirSync(TESTDATA)
  .filter((name) => name.endsWith('.bin'))
  .map((name) => {
    const isRequests = name.includes('requests')
    const bytes = readFileSync(new URL(name, TESTDATA))
    return {
      name,
      bytes,
      side: isRequests ? 'downstream' : 'upstream',
      messages: isRequests ? CALLED.length : ANSWERED.length,
    }
  })

conformance(thrift, [
  request('framed binary', framed(BINARY)),
  request('framed compact', framed(COMPACT)),
  request('unframed binary', BINARY),
  request('unframed compact', COMPACT),
  request('header binary', HEADER_BINARY),
  request('header compact', HEADER_COMPACT),
  request('negative id, binary', framed('80010001 00000001 61 fffffff0 00')),
  request('negative id, compact', framed('8221 f0ffffff0f 01 61 00')),
  request('one-way', framed('80010004 00000001 61 00000001 00')),
  request('no name', '8221 01 00 00'),
  request('a name beyond what ids are patched behind', framed(`80010001 000007d0 ${'61'.repeat(2000)} 00000001 00`)),
  ...golden,
  ...DIALECTS.map((dialect) => ({
    ...request(`with a health check, ${dialect}`, framed(BINARY)),
    config: checking(dialect),
  })),
])

test('there are golden bytes of every transport and protocol', () => {
  assert.equal(golden.length, 12)
})

for (const sample of golden) {
  test(`all of ${sample.name} is understood`, () => {
    const messages = decodeSample(thrift, sample)
    assert.deepEqual(
      messages.map((message) => message.get('method')),
      sample.messages === CALLED.length ? CALLED : ANSWERED,
    )
    assert.deepEqual(messages.map(kind), sample.messages === CALLED.length ? kindsOfRequests(sample) : KINDS_OF_REPLIES)
    const [dialect] = messages.map((message) => thrift.dialect?.(message))
    assert.ok(sample.name.startsWith((dialect as string).replace('unframed', 'buffered').replace('/', '-')), dialect)
    const isMultiplexed = sample.name.startsWith('buffered-binary-requests')
    assert.equal(messages[0]?.get('service'), isMultiplexed ? 'echo' : undefined)
    assert.equal(
      messages[0]?.get('color'),
      sample.name.startsWith('header') && sample.messages === CALLED.length ? 'blue' : undefined,
    )
  })
}

function kindsOfRequests({ name }: Sample): string[] {
  // Go's client sends one-way calls as calls, and nobody can tell
  const oneway = name.endsWith('go.bin') ? MessageType.Request : MessageType.Oneway
  return CALLED.map((name) => `${name === 'note' ? oneway : MessageType.Request} ${ResponseStatus.Ok}`)
}

const KINDS_OF_REPLIES = ANSWERED.map((name) =>
  // a declared exception, as of `fail`, is an answer like others
  name === 'added' ? `${MessageType.Error} ${ResponseStatus.Error}` : `${MessageType.Response} ${ResponseStatus.Ok}`,
)

function kind({ type, status }: Metadata): string {
  return `${type} ${status}`
}

test('a request has its id, its sizes and its names', () => {
  const name = Buffer.from('shop:cart:add').toString('hex')
  const [message] = decodeSample(thrift, request('multiplexed', framed(`80010001 0000000d ${name} fffffffe 00`)))
  const { requestId, headerSize, bodySize, properties } = factsOf(message!)
  assert.deepEqual(
    { requestId, headerSize, bodySize, properties },
    { requestId: -2, headerSize: 29, bodySize: 1, properties: { service: 'shop', method: 'cart:add' } },
  )
})

test('the pairs of a header are routable, but none of them can pose as the method', () => {
  const [message] = decodeSample(thrift, request('header', HEADER_BINARY))
  assert.deepEqual(factsOf(message!).properties, { a: '1', method: 'sayHello' })
  assert.equal(message?.find('method'), 'sayHello')
})

test('the id of a header frame follows that of its message, unless it is another', () => {
  const same = rewritten(HEADER_BINARY, 0x01020304)
  assert.equal(same.readInt32BE(8), 0x01020304)
  const other = rewritten(HEADER_COMPACT, 0x01020304)
  assert.equal(other.readInt32BE(8), -16)
})

function rewritten(bytes: string, id: number): Buffer {
  const [message] = decodeSample(thrift, request('header', bytes))
  const copy = Buffer.from(message!.message)
  const codec = thrift.create('downstream', undefined)
  if (codec.patchIds?.(copy, 0, id, 0)) return copy
  const out = new ByteWriter()
  message!.requestId = id
  codec.encode(message!, Mutation.none, out)
  return Buffer.concat(out.flush())
}

const F1 = `80010003 ${SAY_HELLO} 00000005 0b0001 00000008 6e6f20726f757465 080002 00000006 00`
const F1_COMPACT = '8261 05 08 73617948656c6c6f 18 08 6e6f20726f757465 15 0c 00'
const EXCEPTIONS = [
  ['unframed binary', BINARY, F1],
  ['framed binary', framed(BINARY), `0000002b ${F1}`],
  ['unframed compact', COMPACT, F1_COMPACT],
  ['framed compact', framed(COMPACT), framed(F1_COMPACT)],
  ['header binary', HEADER_BINARY, framed(`0fff0000 00000005 0001 00000000 ${F1}`)],
  ['header compact', HEADER_COMPACT, framed(`0fff0000 fffffff0 0001 02000000 ${F1_COMPACT}`)],
  ['multiplexed', '8221 05 0a 613a73617948656c6c6f 00', F1_COMPACT],
] as const

for (const [name, bytes, expected] of EXCEPTIONS) {
  test(`the error reply to ${name} is a TApplicationException in its transport and protocol`, () => {
    assert.equal(errorReply(bytes, ErrorType.Unspecified).toString('hex'), hex(expected).toString('hex'))
  })
}

test('each error type has its fitting exception type', () => {
  const types = Object.values(ErrorType).map((type) => errorReply(BINARY, type).at(-2))
  assert.deepEqual(types, [1, 6, 6, 7, 6, 11, 12, 6, 13])
  assert.equal(errorReply(BINARY, 99 as ErrorType).at(-2), 6)
})

function errorReply(bytes: string, type: ErrorType): Buffer {
  const failure: Failure = { code: 'test', type, message: 'no route', source: 'proxy', retriable: 'no' }
  const [message] = decodeSample(thrift, request('request', bytes))
  const out = new ByteWriter()
  thrift.create('downstream', undefined).onError(message!, failure, out)
  return Buffer.concat(out.flush())
}

const REFUSED: Readonly<Record<string, readonly [bytes: string, why: RegExp]>> = {
  'non-strict binary, framed': [framed('00000001 61 01 00000001 00'), /non-strict/],
  'non-strict binary, unframed': ['00000001 61 01 00000001 00', /non-strict/],
  'another protocol': ['474554202f20485454502f312e31', /are no strict binary/],
  'a negative frame size': ['ffffffff 80010001', /are no strict binary/],
  'a frame size of zero': ['00000000 80010001', /are no strict binary/],
  'a framed size above the limit of Thrift': ['00fa0001 80010001', /frame size 16384001/],
  'a header frame size above the limit of the listener': ['3fffffff 0fff0000 00000001 0001 02000000 82', /exceeds/],
  'a header frame too small for a header': ['0000000a 0fff0000 00000001 0000', /frame size 10/],
  'a header beyond its frame': [framed(`0fff0000 00000001 ffff 00000000 ${BINARY}`), /header of 262140 bytes/],
  'an unknown header protocol': [framed(`0fff0000 00000001 0001 01000000 ${BINARY}`), /header protocol 1/],
  'a header protocol in two bytes, behind one in one': [
    HEADER_BINARY + framed(`0fff0000 00000001 0001 80000000 ${BINARY}`),
    /header protocol 128/,
  ],
  'a header with a transform': [framed(`0fff0000 00000001 0001 00010100 ${BINARY}`), /1 transforms/],
  'a header text beyond the header': [framed(`0fff0000 00000001 0002 0000 0101 ff0f 0000 ${BINARY}`), /text of/],
  'more header pairs than are sane': [framed(`0fff0000 00000001 0002 0000 01 ffff03 0000 ${BINARY}`), /65535 pairs/],
  'a header varint without end': [framed(`0fff0000 00000001 0002 0000 ffffffffffff ${BINARY}`), /does not end/],
  'compact in a header frame that says binary': [framed(`0fff0000 00000001 0001 00000000 ${COMPACT}`), /begins with/],
  'a frame without room for a message': [framed('80010001 0000'), /has no message/],
  'a frame that ends in a varint': [framed('8221 ff'), /ends within a varint/],
  'a varint of six bytes': [framed('8221 ffffffffff01 01 61 00'), /longer than 5/],
  'a negative name length': [framed('80010001 ffffffff 61 00000001 00'), /name length -1/],
  'a name beyond its frame': [framed('80010001 00000064 61 00000001 00'), /name length 100/],
  'a compact name beyond its frame': [framed('8221 01 64 61 00'), /name length 100/],
  'a negative name length, unframed': ['80010001 ffffffff', /name length -1/],
  'a name above the limit, unframed': ['80010001 7fffffff', /exceeds/],
  'a message of type zero': [framed('80010000 00000001 61 00000001 00'), /message type 0/],
  'a message of type five': [framed('82a1 01 01 61 00'), /message type 5/],
  'a frame of another protocol than before': [framed(BINARY) + framed(COMPACT), /begins with 8221/],
  'a message of another protocol than before': [BINARY + COMPACT, /begins with 8221/],
  'a plain frame after a header frame': [HEADER_BINARY + framed(BINARY), /not that of a header frame/],
}

for (const [name, [bytes, why]] of Object.entries(REFUSED)) {
  test(`${name} is refused`, () => {
    const sample = request(name, bytes)
    const hasText = (error: unknown) => error instanceof ProtocolError && why.test(error.message)
    assert.throws(() => feed(thrift, sample, [sample.bytes]), hasText)
    assert.throws(() => feed(thrift, sample, singleBytes(sample.bytes)), ProtocolError)
  })
}

test('100,000 damaged and random inputs end in messages, in waiting or in a refusal', () => {
  assertConforms(thrift, golden, { rules: ['D11'], seed: 7, garbageInputs: 100_000, ruleLimitMs: 100_000 })
})

test('10,000 pipelined messages come out once each and in order', () => {
  assertConforms(thrift, golden, { rules: ['D8'], pipelined: Math.ceil(10_000 / ANSWERED.length) })
})

test('a method can be configured to be one-way although it is sent as a call', () => {
  const config = { oneway_methods: ['a'] }
  const types = ['61', '62'].map((name) => {
    const sample = request(name, `80010001 00000001 ${name} 00000001 00`)
    return decodeSample(thrift, { ...sample, config })[0]?.type
  })
  assert.deepEqual(types, [MessageType.Oneway, MessageType.Request])
})

test('a health check is a call of the method that is named for it, and without one there is none', () => {
  const written = (config: unknown) => {
    const out = new ByteWriter()
    thrift.create('upstream', config).healthCheck?.(5, out)
    return Buffer.concat(out.flush())
  }
  assert.equal(
    written({ health_check_method: 'ping' }).toString('hex'),
    framedHex('80010001 00000004 70696e67 00000005 00'),
  )
  assert.equal(
    written(checking('unframed/compact')).toString('hex'),
    '822105096 4656d6f3a70696e6700'.replaceAll(' ', ''),
  )
  assert.equal(thrift.create('upstream', { oneway_methods: ['a'] }).healthCheck, undefined)
  for (const dialect of DIALECTS) {
    const [call] = decodeSample(thrift, { name: dialect, side: 'downstream', bytes: written(checking(dialect)) })
    assert.deepEqual([call?.type, call?.get('service'), call?.get('method')], [MessageType.Request, 'demo', 'ping'])
  }
})

function framedHex(message: string): string {
  return framed(message).replaceAll(' ', '')
}

test('faulty options are told', () => {
  const problems = [
    undefined,
    { oneway_methods: ['a'], health_check_method: 'a' },
    { oneway_methods: 'a' },
    { oneway: [] },
    7,
    { health_check_method: 7 },
    { health_check_method: 'a', health_check_dialect: 'framed' },
    { health_check_dialect: 'framed/binary' },
  ].map((config) => thrift.validate?.(config))
  assert.deepEqual(problems, [
    [],
    [],
    ['oneway_methods must be a list of method names'],
    ["unknown field 'oneway'"],
    ['thrift options must be an object'],
    ['health_check_method must be the name of a method'],
    ['health_check_dialect must be a transport and a protocol: framed/binary for example'],
    ['health_check_dialect needs a health_check_method'],
  ])
})

test('the protocol is detected from as few bytes as can tell', () => {
  const verdicts = ['80', '8001', '8221', '00000010', '000000108001', '000000104745', '47455420'].map((bytes) =>
    detected(bytes),
  )
  assert.deepEqual(verdicts, [undefined, true, true, undefined, true, false, undefined])
})

function detected(bytes: string): boolean | undefined {
  const buffer = new ReceiveBuffer()
  buffer.append(hex(bytes))
  return thrift.detect?.(buffer)
}
