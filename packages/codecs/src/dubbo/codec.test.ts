import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  ByteWriter,
  ErrorType,
  type Failure,
  type MessageId,
  MessageType,
  type Metadata,
  Mutation,
  ProtocolError,
  ResponseStatus,
} from '@meltemi/sdk'
import { conformance, decodeSample, factsOf, feed, type Sample, singleBytes } from '@meltemi/sdk/testing'
import { dubbo } from './index.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
const MAX_ATTACHMENTS = 256
const LONG_ID = 0x1234_5678_9abc_def0n

/** ASCII alone. */
function text(value: string): string {
  const head =
    value.length < 32
      ? value.length.toString(16).padStart(2, '0')
      : `3${value.length >> 8}${(value.length & 0xff).toString(16).padStart(2, '0')}`
  return head + Buffer.from(value).toString('hex')
}

function map(entries: Readonly<Record<string, string>>, head = '48'): string {
  const pairs = Object.entries(entries).map((pair) => pair.map(text).join(''))
  return `${head} ${pairs.join('')} 5a`
}

interface Head {
  readonly flags?: number
  readonly status?: number
  readonly id?: bigint
}

function frame({ flags = 0x02, status = 20, id = 7n }: Head, body: string): Buffer {
  const bytes = hex(body)
  const head = Buffer.alloc(16)
  head.writeUInt16BE(0xdabb, 0)
  head[2] = flags
  head[3] = status
  head.writeBigInt64BE(id, 4)
  head.writeInt32BE(bytes.length, 12)
  return Buffer.concat([head, bytes])
}

const REQUEST = 0xc2
const PATH = 'org.example.Shop'
const NAMES = [text('2.0.2'), text(PATH), text('1.2.3'), text('buy')].join('')
const ATTACHMENTS = map({ path: PATH, group: 'blue', timeout: '3000', color: 'red' })
/** A class definition, an object of it, a list with that object in it again, and so on. */
const POJO = '43 0161 92 0178 0179 60 90 51 90'
const ARGUMENTS = [
  text('Ljava/lang/String;[Ljava/lang/Object;JZ'),
  text('a text'),
  `7b ${POJO} 48 90 4e 5a 79 51 90`,
  'f800 54',
].join('')

const sample = (name: string, side: Sample['side'], bytes: Buffer, more: Partial<Sample> = {}): Sample => ({
  name,
  side,
  bytes,
  ...more,
})
const request = (name: string, body: string, more: Partial<Sample> = {}, head: Head = {}): Sample =>
  sample(name, 'downstream', frame({ flags: REQUEST, status: 0, ...head }, body), more)
const reply = (name: string, body: string, more: Partial<Sample> = {}, head: Head = {}): Sample =>
  sample(name, 'upstream', frame(head, body), more)
const CHANGEABLE = { changeable: ['color', 'group'] } as const
const FIXED = { mutable: false } as const

const call = request('a call', NAMES + ARGUMENTS + ATTACHMENTS, CHANGEABLE)
const oneway = request('a one-way call', NAMES + text('') + map({}), {}, { flags: 0x82 })
const wide = request('an id of 64 bits', `${NAMES + text('I')}90${ATTACHMENTS}`, CHANGEABLE, { id: LONG_ID })
const negative = request('a negative id', NAMES + text('') + ATTACHMENTS, CHANGEABLE, { id: -2n })
const typed = request(
  'typed attachments',
  `${NAMES}${text('')}${map({ color: 'red' }, `4d ${text('a.Map')}`)}`,
  CHANGEABLE,
)
const nulls = request('nulls for version, types and attachments', `${text('2.0.2')}${text(PATH)}4e${text('buy')}4e 4e`)
const bare = request('no attachments', `${NAMES + text('V')}4e`)
const json = request('another serialization', Buffer.from('"2.0.2"\n').toString('hex'), FIXED, { flags: 0xc6 })
const heartbeat = request('a heartbeat', '4e', {}, { flags: 0xe2 })
const numbers = request(
  'attachments that are no strings',
  `${NAMES}${text('')}48 ${text('timeout')} d40bb8 90 91 ${text('color')} ${text('red')} ${text('items')} 79 4e 5a`,
  { changeable: ['color'] },
)
const REPLY_ATTACHMENTS = map({ color: 'red', size: '10' })
const value = reply('a value', `91 ${POJO}`)
const nothing = reply('a null', '92')
const exception = reply('an exception', `90 ${POJO}`)
const exceptionMore = reply('an exception and attachments', `93 ${POJO} ${REPLY_ATTACHMENTS}`)
const valueMore = reply('a value and attachments', `94 ${POJO} ${REPLY_ATTACHMENTS}`, { changeable: ['color', 'size'] })
const nothingMore = reply('a null and attachments', `95 ${REPLY_ATTACHMENTS}`, { changeable: ['color', 'size'] })
const wideType = reply('a result type of five bytes', `49 00000001 ${POJO}`)
const failed = reply('a status that is not OK', text('no such service'), {}, { status: 60 })
const jsonReply = reply('a reply in another serialization', Buffer.from('1\n').toString('hex'), FIXED, { flags: 0x06 })
const heartbeatReply = reply('an answer to a heartbeat', '4e', {}, { flags: 0x22 })
const serviceHeartbeat = reply('a heartbeat of a service', '4e', {}, { flags: 0xe2, status: 0 })
const readonly = reply('no more requests', text('R'), {}, { flags: 0xa2, status: 0 })

const golden: readonly Sample[] = readdirSync(new URL('testdata/', import.meta.url))
  .filter((name) => name.endsWith('.bin'))
  .map((name) => {
    const bytes = readFileSync(new URL(`testdata/${name}`, import.meta.url))
    const side = name.endsWith('-requests.bin') ? 'downstream' : 'upstream'
    return sample(name, side, bytes, { messages: countFrames(bytes) })
  })

function countFrames(bytes: Buffer): number {
  let count = 0
  for (let at = 0; at < bytes.length; at += 16 + bytes.readInt32BE(at + 12)) count++
  return count
}

conformance(dubbo, [
  ...[call, oneway, wide, negative, typed, nulls, bare, json, heartbeat, numbers],
  ...[value, nothing, exception, exceptionMore, valueMore, nothingMore, wideType, failed, jsonReply],
  ...[heartbeatReply, serviceHeartbeat, readonly],
  ...golden,
])

const decode = (one: Sample): Metadata => decodeSample(dubbo, one)[0] as Metadata
const written = (write: (out: ByteWriter) => void): Buffer => {
  const out = new ByteWriter()
  write(out)
  return Buffer.concat(out.flush())
}
const codec = () => dubbo.create('downstream', undefined)

function encoded(message: Metadata, changes: Readonly<Record<string, string | undefined>> = {}): Buffer {
  const mutation = new Mutation()
  for (const [key, text] of Object.entries(changes)) mutation.set(key, text)
  return written((out) => codec().encode(message, mutation, out))
}

test('a call has its id, its sizes, its names and its attachments, whatever its arguments are', () => {
  const facts = factsOf(decode(call))
  assert.deepEqual(
    { ...facts, message: '' },
    {
      type: MessageType.Request,
      status: ResponseStatus.Ok,
      requestId: 7,
      streamId: 0,
      headerSize: 16,
      bodySize: call.bytes.length - 16,
      operation: 'org.example.Shop/buy',
      affinity: 0,
      last: true,
      timeoutMs: 3000,
      idempotent: undefined,
      properties: {
        interface: PATH,
        version: '1.2.3',
        method: 'buy',
        path: PATH,
        group: 'blue',
        timeout: '3000',
        color: 'red',
      },
      message: '',
    },
  )
  assert.equal(decode(wide).requestId, LONG_ID)
  assert.equal(decode(negative).requestId, -2)
})

test('the flags say what a message is', () => {
  const kinds: readonly (readonly [Sample, MessageType, ResponseStatus])[] = [
    [call, MessageType.Request, ResponseStatus.Ok],
    [oneway, MessageType.Oneway, ResponseStatus.Ok],
    [heartbeat, MessageType.Heartbeat, ResponseStatus.Ok],
    [value, MessageType.Response, ResponseStatus.Ok],
    [nothing, MessageType.Response, ResponseStatus.Ok],
    [valueMore, MessageType.Response, ResponseStatus.Ok],
    [nothingMore, MessageType.Response, ResponseStatus.Ok],
    [exception, MessageType.Error, ResponseStatus.Error],
    [exceptionMore, MessageType.Error, ResponseStatus.Error],
    [failed, MessageType.Error, ResponseStatus.Error],
    [json, MessageType.Request, ResponseStatus.Ok],
    [jsonReply, MessageType.Response, ResponseStatus.Ok],
    [heartbeatReply, MessageType.Heartbeat, ResponseStatus.Ok],
    [serviceHeartbeat, MessageType.Heartbeat, ResponseStatus.Ok],
  ]
  for (const [one, type, status] of kinds) {
    const message = decode(one)
    assert.deepEqual([message.type, message.status], [type, status], one.name)
  }
})

test('every status but OK is an error, known or not, and its body is not looked at', () => {
  for (const status of [0, 19, 21, 30, 31, 35, 40, 50, 60, 70, 80, 90, 100, 255]) {
    const message = decode(reply('status', 'ff', {}, { status }))
    assert.deepEqual([message.type, message.status], [MessageType.Error, ResponseStatus.Error], `${status}`)
  }
})

test('replies have the attachments of their result', () => {
  for (const one of [exceptionMore, valueMore, nothingMore]) {
    assert.deepEqual(factsOf(decode(one)).properties, { color: 'red', size: '10' }, one.name)
  }
  for (const one of [exception, value, nothing]) assert.equal(decode(one).size, 0, one.name)
})

test('a message in another serialization has what its header says, and nothing else', () => {
  for (const serialization of [1, 3, 4, 6, 7, 8, 9, 10, 12, 16, 21, 22, 23, 31]) {
    const message = decode(request('other', 'ff00', {}, { flags: 0xc0 | serialization }))
    assert.deepEqual([message.type, message.requestId, message.size], [MessageType.Request, 7, 0])
    const answer = decode(reply('other', 'ff00', {}, { flags: serialization }))
    assert.deepEqual([answer.type, answer.status, answer.size], [MessageType.Response, ResponseStatus.Ok, 0])
  }
  assert.deepEqual(encoded(decode(json), { color: 'blue' }), json.bytes)
})

test('no attachment takes the place of the interface and the method that are called', () => {
  const own = { interface: 'org.example.Other', version: '9', method: 'sell', Method: 'sell', INTERFACE: 'any' }
  const message = decode(request('own', NAMES + text('') + map(own)))
  assert.deepEqual(factsOf(message).properties, { interface: PATH, version: '9', method: 'buy' })
  assert.deepEqual([message.find('interface'), message.find('method')], [PATH, 'buy'])
  // they go on as they came
  const changed = encoded(message, { color: 'blue' }).toString('latin1')
  for (const value of ['org.example.Other', 'sell', 'any', 'blue']) assert.ok(changed.includes(value), value)
})

test('a reply may say of itself what it likes', () => {
  const message = decode(reply('own', `94 ${POJO} ${map({ method: 'buy', interface: PATH })}`))
  assert.deepEqual(factsOf(message).properties, { method: 'buy', interface: PATH })
})

test('the path of a call is the same in its attachments', () => {
  const withPath = (path: string) => request('path', NAMES + text('') + map({ path }))
  for (const path of [PATH, `/${PATH}`]) assert.equal(decode(withPath(path)).get('interface'), PATH)
  assert.throws(
    () => decode(withPath('org.example.Admin')),
    /attachment path "org.example.Admin" is not that of the call/,
  )
})

test('attachments that are no strings are no properties, but a number may be the timeout', () => {
  const message = decode(numbers)
  assert.deepEqual(factsOf(message).properties, { interface: PATH, version: '1.2.3', method: 'buy', color: 'red' })
  assert.equal(message.timeoutMs, 3000)
  message.timeoutMs = 2
  const again = decode({ ...numbers, bytes: encoded(message) })
  assert.equal(again.timeoutMs, 2)
  assert.ok(encoded(message).includes(hex(`${text('timeout')} 49 00000002`)))
})

test('a timeout that is no number of milliseconds is none', () => {
  for (const timeout of ['', '0', '-1', 'soon', '1.5', '99999999999']) {
    const message = decode(request('timeout', NAMES + text('') + map({ timeout })))
    assert.deepEqual([message.timeoutMs, message.get('timeout')], [0, timeout])
    assert.deepEqual(encoded(message), message.message)
  }
  assert.equal(decode(reply('reply', `95 ${map({ timeout: '100' })}`)).timeoutMs, 0)
})

test('texts of any script are properties, and passed on as they were written', () => {
  const emoji = '05 eda0bd edb880 c3a9 e282ac 61'
  const four = '04 f09f9880 c3a9 61'
  const chunks = '52 0001 eda0bd 01 edb880'
  const body = `${NAMES}${text('')}48 ${text('a')} ${emoji} ${text('b')} ${four} ${text('c')} ${chunks} 02 c3a9 c3a9 01 64 5a`
  const message = decode(request('texts', body))
  assert.deepEqual(
    ['a', 'b', 'c', 'éé'].map((key) => message.get(key)),
    ['😀é€a', '😀éa', '😀', 'd'],
  )
  const changed = encoded(message, { a: undefined, d: '😀' })
  assert.ok(changed.includes(hex(`48 ${text('b')} ${four} ${text('c')} ${chunks} 02 c3a9 c3a9 01 64`)))
  assert.ok(changed.includes(hex(`${text('d')} 02 eda0bd edb880 5a`)))
})

test('with other attachments everything before them is as it was', () => {
  const at = 16 + hex(NAMES + ARGUMENTS).length
  const changed = encoded(decode(call), { color: 'blue', 'x-new': '1', group: undefined })
  assert.deepEqual(changed.subarray(16, at), call.bytes.subarray(16, at))
  assert.equal(changed.readInt32BE(12), changed.length - 16)
  const pairs = `${text('path')}${text(PATH)}${text('timeout')}${text('3000')}${text('color')}${text('blue')}`
  assert.equal(changed.toString('hex', at), hex(`48 ${pairs}${text('x-new')}${text('1')} 5a`).toString('hex'))
})

test('what has no attachments gets some', () => {
  const added = hex(`48 ${text('a')}${text('1')} 5a`)
  for (const [one, type] of [
    [value, 0x94],
    [nothing, 0x95],
    [wideType, 0x94],
  ] as const) {
    const changed = encoded(decode(one), { a: '1', b: undefined })
    assert.equal(changed[16], type, one.name)
    assert.deepEqual(changed.subarray(-added.length), added)
    assert.equal(decode({ ...one, bytes: changed }).get('a'), '1')
    assert.deepEqual(encoded(decode(one), { b: undefined }), one.bytes)
  }
  assert.deepEqual(encoded(decode(bare), { a: '1' }).subarray(-added.length), added)
  assert.deepEqual(encoded(decode(nulls), { a: '1' }).subarray(-added.length), added)
  assert.deepEqual(encoded(decode(nulls), { a: undefined }), nulls.bytes)
})

test('an exception keeps its attachments changeable, and gets none where its consumer may not know them', () => {
  assert.equal(decode({ ...exceptionMore, bytes: encoded(decode(exceptionMore), { a: '1' }) }).get('a'), '1')
  assert.deepEqual(encoded(decode(exception), { a: '1' }), exception.bytes)
  assert.deepEqual(encoded(decode(failed), { a: '1' }), failed.bytes)
})

test('attachments of a type of their own keep it', () => {
  const changed = encoded(decode(typed), { color: 'blue' })
  assert.ok(changed.includes(hex(`4d ${text('a.Map')} ${text('color')} ${text('blue')} 5a`)))
})

test('an attachment that others refer to cannot go, and one that nobody refers to can', () => {
  const lists = (later: string) =>
    decode(request('lists', `${NAMES}${text('')}48 ${text('a')} 79 4e ${text('b')} ${later} 5a`))
  assert.throws(() => encoded(lists('51 91'), { a: undefined }), /cannot go/)
  assert.throws(() => encoded(lists('79 4e'), { a: 'x' }), /cannot go/)
  assert.equal(decode({ ...call, bytes: encoded(lists(text('text')), { a: 'x' }) }).get('a'), 'x')
  assert.equal(decode({ ...call, bytes: encoded(lists('51 91'), { b: 'x' }) }).get('b'), 'x')
  // classes that arguments have defined are known to attachments
  const object = `${NAMES}${text('LA;')}${POJO} 48 ${text('a')} 60 4e 4e ${text('b')} ${text('c')} 5a`
  const message = decode(request('object', object))
  assert.equal(decode({ ...call, bytes: encoded(message, { b: 'd' }) }).get('b'), 'd')
})

test('what stands for attachments and is no map cannot be changed', () => {
  const message = decode(request('list', `${NAMES}${text('')} 78`))
  assert.deepEqual(encoded(message), message.message)
  assert.throws(() => encoded(message, { a: '1' }), /no map/)
})

test('a body that would grow beyond the limit is not written', () => {
  assert.throws(() => encoded(decode(call), { a: 'x'.repeat(16 * 1024 * 1024) }), /exceeds 16777216/)
})

test('the vectors of the protocol', () => {
  const id = (requestId: MessageId): Metadata => Object.assign(decode(heartbeat), { requestId })
  const check = written((out) => codec().healthCheck?.(1, out))
  assert.equal(check.toString('hex'), 'dabbe2000000000000000001000000014e')
  const answer = written((out) => codec().heartbeatReply?.(id(1), out))
  assert.equal(answer.toString('hex'), 'dabb22140000000000000001000000014e')
  const why = "meta protocol router: no matched route for request '7'"
  // the reference writes 90, the result type, before the text: consumers would read "0"
  const head = 'dabb 02 3c 0000000000000007 00000038 3036'
  assert.equal(refusal(ErrorType.RouteNotFound, why).toString('hex'), hex(head).toString('hex') + hexOf(why))
})

function hexOf(value: string): string {
  return Buffer.from(value).toString('hex')
}

function refusal(type: ErrorType, message: string, one: Sample = call): Buffer {
  const failure: Failure = { code: 'test', type, message, source: 'proxy', retriable: 'no' }
  return written((out) => codec().onError(decode(one), failure, out))
}

test('each error type has its status', () => {
  const statuses = Object.values(ErrorType).map((type) => refusal(type, 'no')[3])
  assert.deepEqual(statuses, [60, 80, 80, 50, 80, 100, 31, 70, 70])
  assert.equal(refusal(99 as ErrorType, 'no')[3], 80)
  // also to those who wrote in another serialization: every consumer reads this one
  assert.equal(refusal(ErrorType.Timeout, 'no', json).readUInt16BE(2), 0x021f)
})

test('a service gets an answer to its heartbeat, and none to its answer', () => {
  const upstream = dubbo.create('upstream', undefined)
  const take = (one: Sample) => {
    const out = new ByteWriter()
    const isLeaving = upstream.serviceHeartbeat?.(decode(one), out)
    return [isLeaving, Buffer.concat(out.flush()).toString('hex')]
  }
  assert.deepEqual(take(serviceHeartbeat), [false, 'dabb22140000000000000007000000014e'])
  assert.deepEqual(take(heartbeatReply), [false, ''])
  assert.deepEqual(take(readonly), [true, ''])
})

test('a name that came before is the same text, and one that shares its place is not taken for it', () => {
  const reader = dubbo.create('downstream', undefined)
  const names = ['aXb', 'aYb', 'aXb', 'x'.repeat(200), 'aXb', 'é', '']
  for (const name of names) {
    const named = name === 'é' ? '01 c3a9' : text(name)
    const bytes = frame(
      { flags: REQUEST },
      `${text('2.0.2')}${text(PATH)}4e ${named}${text('')}${map({ [`k${name.length}`]: name.replace('é', '') })}`,
    )
    const [message] = feed({ ...dubbo, create: () => reader }, { ...call, bytes }, [bytes])
    assert.equal(message?.get('method'), name)
    assert.equal(message?.operation, `${PATH}/${name}`)
  }
})

const REFUSED: Readonly<Record<string, readonly [bytes: Buffer, why: RegExp]>> = {
  'another protocol': [Buffer.from('GET / HTTP/1.1\r\n'), /begins with 4745/],
  'a negative body length': [hex('dabb c200 0000000000000001 ffffffff'), /body length -1/],
  'a body above the limit of Dubbo': [hex('dabb c200 0000000000000001 01000001'), /body length 16777217/],
  'a call without a body': [frame({ flags: REQUEST }, ''), /beyond the body/],
  'a call without attachments that its types promise': [frame({ flags: REQUEST }, `${NAMES + text('II')}90`), /beyond/],
  'an interface that is no string': [frame({ flags: REQUEST }, `${text('2')} 90`), /does not begin a string/],
  'a method that is null': [frame({ flags: REQUEST }, `${text('2')}${text('a')} 4e 4e`), /does not begin a string/],
  'a type of a parameter that is none': [frame({ flags: REQUEST }, `${NAMES + text('Q')}90`), /no type of a parameter/],
  'a class of a parameter without end': [frame({ flags: REQUEST }, `${NAMES + text('LA')}90`), /does not end/],
  'attachments without end': [frame({ flags: REQUEST }, `${NAMES}${text('')}48 ${text('a')}${text('b')}`), /beyond/],
  'more attachments than are sane': [
    frame({ flags: REQUEST }, `${NAMES}${text('')}48 ${'01 61 00'.repeat(MAX_ATTACHMENTS + 1)} 5a`),
    /more than 256 attachments/,
  ],
  'a key that is no UTF-8': [frame({ flags: REQUEST }, `${NAMES}${text('')}48 01 c181 00 5a`), /no UTF-8/],
  'a result type that is none': [frame({}, '96'), /result type 6/],
  'a negative result type': [frame({}, '8f'), /result type -1/],
  'a result type that is no int': [frame({}, '4e'), /does not begin an int/],
  'a reply without a body': [frame({}, ''), /beyond the body/],
  'a result that is not there': [frame({}, '94'), /beyond the body/],
}

for (const [name, [bytes, why]] of Object.entries(REFUSED)) {
  test(`${name} is refused`, () => {
    const one = sample(name, 'downstream', bytes)
    const hasText = (error: unknown) => error instanceof ProtocolError && why.test(error.message)
    assert.throws(() => feed(dubbo, one, [bytes]), hasText)
    assert.throws(() => feed(dubbo, one, singleBytes(bytes)), hasText)
  })
}

test('as many attachments as are allowed are read', () => {
  const pairs = Array.from({ length: MAX_ATTACHMENTS }, (_, n) => [`k${n}`, `${n}`])
  const message = decode(request('many', NAMES + text('') + map(Object.fromEntries(pairs))))
  assert.equal(message.size, 3 + MAX_ATTACHMENTS)
})

test('bytes behind a message, which mean nothing, stay behind it', () => {
  const more = '5a5a'
  for (const [one, type] of [
    [reply('value', `91 ${POJO} ${more}`), 0x94],
    [reply('nothing', `92 ${more}`), 0x95],
    [request('nulls', `${text('2.0.2')}${text(PATH)}4e${text('buy')}4e 4e ${more}`), undefined],
    [request('map', `${NAMES}${text('')}${map({ b: '2' })} ${more}`), undefined],
  ] as const) {
    const changed = encoded(decode(one), { a: '1' })
    if (type !== undefined) assert.equal(changed[16], type)
    assert.ok(changed.toString('hex').endsWith(`${text('a')}${text('1')}5a${more}`), one.name)
    assert.equal(decode({ ...one, bytes: changed }).get('a'), '1')
  }
})

test('there are golden bytes of each pair of peers', () => {
  assert.equal(golden.length, 10)
})

/** What clients asked for, how many of it with an answer that is an error, and what came along with answers. */
const CONVERSATIONS = {
  java: {
    methods: [
      ...['text', 'text', 'number', 'item', 'mixed', 'nothing', 'fail', 'crash', 'later', 'note', 'notes', '$echo'],
      ...['$invoke', '$invoke', '$invoke', 'attached'],
    ],
    // a declared exception, one that is not, and one of a generic call
    errors: 3,
    shades: ['dark 😀'],
  },
  go: {
    methods: ['text', 'text', 'number', 'fail', 'attached', 'nothing', 'note', 'notes'],
    errors: 1,
    shades: ['dark 😀'],
  },
  npm: { methods: ['text', 'text', 'number', 'fail', 'attached'], errors: 1, shades: [] },
} as const

for (const conversation of golden) {
  test(`all of ${conversation.name} is understood`, () => {
    const [client] = conversation.name.split('-') as [keyof typeof CONVERSATIONS]
    const { methods, errors, shades } = CONVERSATIONS[client]
    const asked: readonly string[] = methods
    const oneways = asked.filter((method) => method === 'note').length
    const messages = decodeSample(dubbo, conversation)
    const count = (...types: readonly number[]) => messages.filter(({ type }) => types.includes(type)).length
    if (conversation.side === 'upstream') {
      const answers = asked.length - oneways - errors
      assert.deepEqual([count(MessageType.Response), count(MessageType.Error)], [answers, errors])
      assert.deepEqual(
        messages.flatMap((message) => message.get('shade') ?? []),
        shades,
      )
      return
    }
    assert.deepEqual([count(MessageType.Request), count(MessageType.Oneway)], [asked.length - oneways, oneways])
    const calls = messages.filter(({ type }) => type !== MessageType.Heartbeat)
    assert.ok(calls.every((message) => message.get('interface') === 'meltemi.peer.Talk'))
    assert.deepEqual(
      calls.map((message) => message.get('method')),
      asked,
    )
    assert.deepEqual([calls[1]?.get('group'), calls[1]?.get('version')], ['blue', '2.0.0'])
    const attached = calls[asked.indexOf('attached')]
    assert.deepEqual([attached?.get('color'), attached?.get('long')?.length], ['blue 😀', 2000])
  })
}
