import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSecretName, REDACTED, redact, redactText } from './redact.ts'

test('names of secrets are known in every spelling', () => {
  for (const name of [
    'password',
    'db_password',
    'clientSecret',
    'client-secret',
    'TOKEN',
    'accessToken',
    'private_key',
    'privateKey',
    'x-api-key',
    'Authorization',
    'proxy-authorization',
    'set-cookie',
    'credentials',
    'aws_secret_access_key',
    'tokens',
  ]) {
    assert.ok(isSecretName(name), name)
  }
})

test('names that only sound like secrets are shown', () => {
  for (const name of [
    'token_bucket',
    'tokens_per_fill',
    'max_tokens',
    'maxTokens',
    'secret_name',
    'password_file',
    'key',
    'name',
    'user',
    'monkey',
    'tokenizer',
    '',
    'hash_key',
    'interface',
  ]) {
    assert.ok(!isSecretName(name), name)
  }
})

test('values under such a name are hidden at any depth, the rest stays', () => {
  const dump = {
    node: { metadata: { DB: [{ password: 'hunter2', user: 'me' }], private_key: { inline: 'abc' }, secret: '' } },
    token_bucket: { max_tokens: 5, tokens_per_fill: 1 },
    big: 12n,
    present: { token: true },
  }
  assert.deepEqual(redact(dump), {
    node: { metadata: { DB: [{ password: REDACTED, user: 'me' }], private_key: REDACTED, secret: '' } },
    token_bucket: { max_tokens: 5, tokens_per_fill: 1 },
    big: '12',
    present: { token: true },
  })
})

test('a key or name beside the value counts, as in mutations and matchers', () => {
  const route = {
    requestMutation: [
      { key: 'authorization', value: 'abc' },
      { key: 'x', value: 'y' },
    ],
    match: { name: 'Auth-Token', test: { kind: 'exact', text: 'abc', ignoreCase: false }, invert: false },
  }
  assert.deepEqual(redact(route), {
    requestMutation: [
      { key: 'authorization', value: REDACTED },
      { key: 'x', value: 'y' },
    ],
    match: { name: 'Auth-Token', test: { kind: 'exact', text: REDACTED, ignoreCase: false }, invert: false },
  })
})

test('text that looks like a secret is hidden whatever its name', () => {
  assert.equal(redactText('redis://me:hunter2@host:6379/0'), `redis://${REDACTED}@host:6379/0`)
  assert.equal(redactText('login with password=hunter2, port 80'), `login with password=${REDACTED}, port 80`)
  assert.equal(redactText('authorization: Bearer abc.def'), `authorization: ${REDACTED}`)
  assert.equal(redactText('got Bearer abcdefgh.ijklmnop.qrst'), `got Bearer ${REDACTED}`)
  assert.equal(redactText('x\n-----BEGIN RSA PRIVATE KEY-----\nMIIE'), REDACTED)
  assert.equal(redactText('cluster outbound|80||a.b is basic routing'), 'cluster outbound|80||a.b is basic routing')
})

test('values without end or of odd kinds do no harm', () => {
  const circle: Record<string, unknown> = { password: 'x' }
  circle['self'] = circle
  assert.ok(!JSON.stringify(redact(circle)).includes('"x"'))
  assert.deepEqual(redact([new Map([['token', 'x']]), new Set([1]), new Uint8Array(3), new Error('secret=x'), null]), [
    { token: REDACTED },
    [1],
    '[3 bytes]',
    `secret=${REDACTED}`,
    null,
  ])
  assert.deepEqual(redact(JSON.parse('{"__proto__": {"a": 1}}')), JSON.parse('{"__proto__": {"a": 1}}'))
})

test('hostile text is searched in linear time', () => {
  const started = performance.now()
  for (const part of ['://', 'password ', 'password:', 'bearer ', '://a', 'token=a,', '-----BEGIN ', ' '])
    redactText(part.repeat(20_000))
  assert.ok(performance.now() - started < 2000)
})
