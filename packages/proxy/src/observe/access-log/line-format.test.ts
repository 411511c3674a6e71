import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type LOG_OPERATORS, type LogFormat, parseLogFormat, parseLogJson } from '@meltemi/api/model'
import { ErrorType, type Failure, MessageType, Metadata, ResponseStatus } from '@meltemi/sdk'
import type { ExchangeRecord } from '../record.ts'
import { compileLine } from './line-format.ts'
import { compileTime } from './time-format.ts'

const context = {
  applicationProtocol: 'dubbo',
  hostname: 'here',
  referenceByteCounters: false,
  wallTime: (nowMs: number) => 1_700_000_000_000 + nowMs,
}

function message(type: MessageType, pairs: Readonly<Record<string, string>>): Metadata {
  const made = new Metadata(type)
  for (const [key, value] of Object.entries(pairs)) made.set(key, value)
  return made
}

const RECORD: ExchangeRecord = {
  request: message(MessageType.Request, { Method: 'sayHello', 'x-request-id': 'id' }),
  reply: message(MessageType.Response, { status: 'fine' }),
  failure: null,
  connection: {
    remoteAddress: '10.0.0.1',
    remotePort: 1000,
    directRemoteAddress: '10.0.0.2',
    directRemotePort: 2000,
    localAddress: '::1',
    localPort: 3000,
    properties: new Map([
      ['tls.sni', 'proxy.test'],
      ['tls.version', 'TLSv1.3'],
      ['tls.uri_sans', 'spiffe://a/b'],
      ['tls.dns_sans', 'client.test'],
      ['tls.subject', 'CN=client'],
      ['tls.fingerprint_sha256', 'abcd'],
    ]),
  },
  routeName: 'route',
  cluster: 'outbound|1||host',
  startedMs: 123.5,
  endedMs: 130.4,
  repliedMs: 128.6,
  sentMs: 124,
  bytesReceived: 50,
  bytesSent: 70,
  upstreamAddress: '10.0.0.3:4000',
  upstreamLocalAddress: '10.0.0.4:5000',
  attempts: 1,
  isClientGone: false,
  isRetryLimitExceeded: false,
  isComplete: false,
  isDelayed: false,
  traceId: 'abc',
}

const failure: Failure = {
  code: 'connect_timeout',
  type: ErrorType.Unspecified,
  message: '',
  source: 'upstream',
  retriable: 'no',
}
const FAILED: ExchangeRecord = {
  ...RECORD,
  reply: null,
  failure,
  routeName: '',
  cluster: '',
  repliedMs: 0,
  upstreamAddress: '',
  upstreamLocalAddress: '',
  attempts: 0,
  traceId: '',
}

const text = (format: string): LogFormat => ({ kind: 'text', pieces: parseLogFormat(format, assert.fail) })
const json = (format: unknown): LogFormat => ({ kind: 'json', root: parseLogJson(format, assert.fail) })
const line = (format: LogFormat, record = RECORD, omits = false, more = {}) =>
  compileLine(format, omits, { ...context, ...more })(record)

/** Of each operator what it says of an exchange that was answered, and of one that failed. */
const VALUES: Readonly<Record<keyof typeof LOG_OPERATORS, readonly [string, string]>> = {
  ACCESS_LOG_TYPE: ['DownstreamEnd', 'DownstreamEnd'],
  BYTES_RECEIVED: ['50', '50'],
  BYTES_SENT: ['70', '70'],
  CONNECTION_TERMINATION_DETAILS: ['-', '-'],
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: ['10.0.0.2:2000', '10.0.0.2:2000'],
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: ['10.0.0.2', '10.0.0.2'],
  DOWNSTREAM_LOCAL_ADDRESS: ['[::1]:3000', '[::1]:3000'],
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: ['::1', '::1'],
  DOWNSTREAM_LOCAL_PORT: ['3000', '3000'],
  DOWNSTREAM_PEER_DNS_SAN: ['client.test', 'client.test'],
  DOWNSTREAM_PEER_FINGERPRINT_256: ['abcd', 'abcd'],
  DOWNSTREAM_PEER_SUBJECT: ['CN=client', 'CN=client'],
  DOWNSTREAM_PEER_URI_SAN: ['spiffe://a/b', 'spiffe://a/b'],
  DOWNSTREAM_REMOTE_ADDRESS: ['10.0.0.1:1000', '10.0.0.1:1000'],
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ['10.0.0.1', '10.0.0.1'],
  DOWNSTREAM_REMOTE_PORT: ['1000', '1000'],
  DOWNSTREAM_TLS_VERSION: ['TLSv1.3', 'TLSv1.3'],
  DURATION: ['6', '6'],
  EMIT_TIME: ['2023-11-14T22:13:20.130Z', '2023-11-14T22:13:20.130Z'],
  HOSTNAME: ['here', 'here'],
  PROTOCOL: ['dubbo', 'dubbo'],
  REQ: ['sayHello', 'sayHello'],
  REQUESTED_SERVER_NAME: ['proxy.test', 'proxy.test'],
  RESP: ['fine', '-'],
  RESPONSE_CODE: ['0', '1'],
  RESPONSE_CODE_DETAILS: ['', 'connect_timeout'],
  RESPONSE_DURATION: ['5', '-'],
  RESPONSE_FLAGS: ['-', 'UF'],
  RESPONSE_FLAGS_LONG: ['-', 'UpstreamConnectionFailure'],
  RESPONSE_STATUS: ['ok', 'local'],
  ROUTE_NAME: ['route', '-'],
  START_TIME: ['2023-11-14T22:13:20.123Z', '2023-11-14T22:13:20.123Z'],
  TRACE_ID: ['abc', '-'],
  UPSTREAM_CLUSTER: ['outbound|1||host', '-'],
  UPSTREAM_CLUSTER_RAW: ['outbound|1||host', '-'],
  UPSTREAM_HOST: ['10.0.0.3:4000', '-'],
  UPSTREAM_LOCAL_ADDRESS: ['10.0.0.4:5000', '-'],
  UPSTREAM_REQUEST_ATTEMPT_COUNT: ['1', '0'],
  UPSTREAM_TRANSPORT_FAILURE_REASON: ['-', '-'],
}

describe('every operator has its value:', () => {
  for (const [operator, [answered, failed]] of Object.entries(VALUES)) {
    test(operator, () => {
      const inside = { REQ: '(Nothing?METHOD)', RESP: '(STATUS)' }[operator] ?? ''
      const format = text(`%${operator}${inside}%`)
      assert.equal(line(format), answered)
      assert.equal(line(format, FAILED), failed)
    })
  }
})

describe('a line of text', () => {
  test('has text between the operators, and what is not known as - or not at all', () => {
    const format = text('[%RESPONSE_CODE%] "%REQ(missing)%" %DURATION%ms %REQ(method):3%\n')
    assert.equal(line(format), '[0] "-" 6ms say\n')
    assert.equal(line(format, RECORD, true), '[0] "" 6ms say\n')
  })

  test('stays one line whatever comes in messages', () => {
    const request = message(MessageType.Request, { method: 'a\nb\r\u2028\u0000ü"' })
    assert.equal(line(text('%REQ(method)%\n'), { ...RECORD, request }), 'a\\u000ab\\u000d\\u2028\\u0000ü"\n')
  })

  test('has the counters of the reference where it is told to', () => {
    const format = text('%BYTES_RECEIVED% %BYTES_SENT%')
    assert.equal(line(format, RECORD, false, { referenceByteCounters: true }), '70 50')
  })

  test('says of a client that left, and of a reply that says failure, what they are', () => {
    const format = text('%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %RESPONSE_STATUS%')
    assert.equal(line(format, { ...RECORD, reply: null, isClientGone: true }), '1 downstream_remote_disconnect DC none')
    const reply = message(MessageType.Response, {})
    reply.status = ResponseStatus.Error
    assert.equal(line(format, { ...RECORD, reply }), '0  - error')
  })

  test('has flags for failures that filters make too', () => {
    const of = (type: ErrorType) =>
      line(text('%RESPONSE_FLAGS%'), { ...FAILED, failure: { ...failure, code: 'own', type } })
    assert.deepEqual([of(ErrorType.OverLimit), of(ErrorType.Denied), of(ErrorType.Unspecified)], ['RL', 'UAEX', '-'])
  })
})

describe('a line of JSON', () => {
  test('keeps the type of an operator that stands alone', () => {
    const format = json({
      ms: '%DURATION%',
      who: '%REQ(method)%',
      none: '%REQ(none)%',
      mixed: 'a %REQ(none)% %DURATION%',
      n: 5,
    })
    assert.equal(line(format), '{"ms":6,"who":"sayHello","none":null,"mixed":"a - 6","n":5}\n')
    assert.equal(line(format, RECORD, true), '{"ms":6,"who":"sayHello","mixed":"a  6","n":5}\n')
  })

  test('may have objects and lists in it', () => {
    const format = json({ a: { b: ['%DURATION%', 'x', null, true] }, c: {} })
    assert.equal(line(format), '{"a":{"b":[6,"x",null,true]},"c":{}}\n')
  })

  test('is valid whatever comes in messages', () => {
    const value = 'a\n"\\\u2028\ud800'
    const request = message(MessageType.Request, { method: value })
    const written = line(json({ m: '%REQ(method)%', n: '<%REQ(method)%>' }), { ...RECORD, request })
    assert.equal(written.indexOf('\n'), written.length - 1)
    assert.deepEqual(JSON.parse(written), { m: value, n: `<${value}>` })
  })
})

test('times are written as strftime does', () => {
  const ms = Date.UTC(2024, 1, 5, 3, 4, 9) + 7.25
  const formats = {
    '': '2024-02-05T03:04:09.007Z',
    '%Y/%m/%d %H-%M-%S': '2024/02/05 03-04-09',
    '%F %T.%6f %z %Z': '2024-02-05 03:04:09.007250 +0000 UTC',
    '%s.%1f %f': '1707102249.0 007250000',
    '%e %j %y %b %B %a %A %%': ' 5 036 24 Feb February Mon Monday %',
  }
  for (const [format, expected] of Object.entries(formats)) assert.equal(compileTime(format)(ms), expected)
  const iso = compileTime('')
  for (const next of [ms, ms + 993, ms + 5000, ms - 5000]) assert.equal(iso(next), new Date(next).toISOString())
})
