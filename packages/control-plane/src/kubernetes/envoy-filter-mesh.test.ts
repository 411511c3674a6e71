import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseMeshSettings } from './envoy-filter-mesh.ts'

describe('the settings of a mesh', () => {
  test('trace nothing and log nothing unless they say so', () => {
    const nothing = { accessLog: undefined, randomSampling: undefined }
    for (const text of ['', 'null', 'accessLogFile: ""', 'enableTracing: false', 'defaultConfig:', 'other: [1]'])
      assert.deepEqual(parseMeshSettings(text), nothing, text)
  })

  test('trace as many requests as they say, 1 % without a word, none where the word says nothing', () => {
    const sampling = (text: string) => parseMeshSettings(`enableTracing: true\n${text}`).randomSampling
    assert.equal(sampling('defaultConfig: { tracing: { sampling: 12.5 } }'), 12.5)
    assert.equal(sampling(''), 1)
    assert.equal(sampling('defaultConfig: { discoveryAddress: x }'), 1)
    assert.equal(sampling('defaultConfig: { tracing: {} }'), 0)
  })

  test('log text', () => {
    const log = (text: string) => parseMeshSettings(`accessLogFile: /dev/stdout\n${text}`).accessLog
    assert.deepEqual(log('accessLogFormat: "%DURATION%\\n"'), {
      path: '/dev/stdout',
      format: { kind: 'text', text: '%DURATION%\n' },
    })
    const { format } = log('') ?? {}
    assert.match(
      format?.kind === 'text' ? format.text : '',
      /^\[%START_TIME%\] %REQ\(X-META-PROTOCOL-APPLICATION-PROTOCOL\)% .* %DURATION% {2}"%REQ\(X-FORWARDED-FOR\)%" .*%ROUTE_NAME%\n$/,
    )
  })

  test('log JSON, of their own if it is some', () => {
    const json = (format: string) => {
      const found = parseMeshSettings(
        JSON.stringify({ accessLogFile: 'x', accessLogEncoding: 'JSON', accessLogFormat: format }),
      )
      return found.accessLog?.format.kind === 'json' ? found.accessLog.format.json : undefined
    }
    assert.deepEqual(json('{"took":"%DURATION%"}'), { took: '%DURATION%' })
    for (const none of ['', 'no JSON', '[]', 'null']) {
      const found = json(none)
      assert.equal(Object.keys(found ?? {}).length, 15, none)
      assert.equal(found?.['upstream_cluster'], '%UPSTREAM_CLUSTER%')
      assert.equal(found?.['request_id'], '%REQ(X-REQUEST-ID)%')
    }
  })

  test('say by which trust domains workloads are known', () => {
    const of = (text: string) => parseMeshSettings(text).trustDomains
    assert.equal(of('trustDomain: cluster.local'), undefined)
    assert.deepEqual(of('trustDomain: new'), ['new'])
    assert.deepEqual(of('{ trustDomain: new, trustDomainAliases: [old, new, 1, ""] }'), ['new', 'old'])
    assert.deepEqual(of('trustDomainAliases: [old]'), ['cluster.local', 'old'])
  })

  test('are refused when they are no YAML', () => {
    assert.throws(() => parseMeshSettings('a: [1'))
  })
})
