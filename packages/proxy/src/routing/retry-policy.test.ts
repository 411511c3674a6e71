import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RETRY_CONDITIONS, type RetryCondition, type RetryPolicyConfig } from '@meltemi/api/model'
import { MessageType, Metadata, ResponseStatus } from '@meltemi/sdk'
import { RetryPolicy, TryEnd } from './retry-policy.ts'

const { NoConnection, NotSent, Reset, ErrorStatus, NamedReply } = TryEnd
const ENDS = { NoConnection, NotSent, Reset, ErrorStatus, NamedReply }

function policyOf(retryOn: readonly RetryCondition[], changes: Partial<RetryPolicyConfig> = {}): RetryPolicy {
  const config: RetryPolicyConfig = {
    retryOn,
    numRetries: 1,
    perTryTimeoutMs: 0,
    backOff: { baseMs: 25, maxMs: 250 },
    retriableHeaders: [],
    retriableRequestHeaders: [],
    ...changes,
  }
  return new RetryPolicy(config, undefined, 1000)
}

function request(idempotent: boolean | undefined): Metadata {
  const message = new Metadata()
  message.idempotent = idempotent
  message.set('method', 'get')
  return message
}

function reply(status: ResponseStatus, type: MessageType = MessageType.Response): Metadata {
  const message = new Metadata(type)
  message.status = status
  message.set('code', 'busy')
  return message
}

const matcher = (name: string, text: string) => ({
  name,
  test: { kind: 'exact', text, ignoreCase: false } as const,
  invert: false,
  treatMissingAsEmpty: false,
})

test('each condition covers the ends that docs/resilience.md says', () => {
  const covered: Readonly<Record<RetryCondition, readonly (keyof typeof ENDS)[]>> = {
    'connect-failure': ['NoConnection'],
    'refused-stream': ['NotSent'],
    'reset-before-request': ['NoConnection', 'NotSent'],
    reset: ['NoConnection', 'NotSent', 'Reset'],
    'gateway-error': ['NoConnection', 'NotSent', 'Reset'],
    'error-status': ['ErrorStatus'],
    '5xx': ['NoConnection', 'NotSent', 'Reset', 'ErrorStatus'],
    'retriable-headers': ['NamedReply'],
    'non-idempotent': [],
  }
  for (const condition of RETRY_CONDITIONS) {
    const policy = policyOf([condition])
    const found = Object.entries(ENDS).flatMap(([name, end]) => (policy.covers(end) ? [name] : []))
    assert.deepEqual(found, covered[condition], condition)
  }
})

test('what a service knows nothing of is safe, the rest by what the codec or the policy says', () => {
  const plain = policyOf(['5xx', 'retriable-headers'])
  const any = policyOf(['5xx', 'retriable-headers', 'non-idempotent'])
  for (const [end, isSafe] of [
    [NoConnection, [true, true, true]],
    [NotSent, [true, true, true]],
    [Reset, [true, false, false]],
    [ErrorStatus, [true, false, false]],
    [NamedReply, [true, true, false]],
    [NamedReply | ErrorStatus, [true, true, false]],
  ] as const) {
    assert.deepEqual(
      [true, undefined, false].map((told) => plain.isSafe(end, request(told))),
      isSafe,
      `${end}`,
    )
    for (const told of [true, undefined, false]) assert.equal(any.isSafe(end, request(told)), true)
  }
  // a reply that is named and not asked for says nothing
  assert.equal(policyOf(['5xx']).isSafe(NamedReply | ErrorStatus, request(undefined)), false)
  assert.deepEqual(
    [true, undefined, false].map((told) => plain.mayRepeat(request(told))),
    [true, false, false],
  )
})

test('a reply is an error by its status or type, and named by its properties', () => {
  const policy = policyOf(['retriable-headers'], {
    retriableHeaders: [matcher('code', 'idle'), matcher('code', 'busy')],
  })
  assert.equal(policyOf(['5xx']).endOf(reply(ResponseStatus.Ok)), 0)
  assert.equal(policyOf(['5xx']).endOf(reply(ResponseStatus.Error)), ErrorStatus)
  assert.equal(policyOf(['5xx']).endOf(reply(ResponseStatus.Ok, MessageType.Error)), ErrorStatus)
  assert.equal(policy.endOf(reply(ResponseStatus.Ok)), NamedReply)
  assert.equal(policy.endOf(reply(ResponseStatus.Error)), NamedReply | ErrorStatus)
})

test('requests that are tried again can be named', () => {
  assert.equal(policyOf(['5xx']).wants(request(true)), true)
  const named = (text: string) => policyOf(['5xx'], { retriableRequestHeaders: [matcher('method', text)] })
  assert.deepEqual([named('get').wants(request(true)), named('put').wants(request(true))], [true, false])
})
