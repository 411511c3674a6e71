import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AccessLogConfig, ListenerConfig, MetaProtocolConfig, ProxyConfig } from '../model/index.ts'
import { parseWithSetting } from './testing/parse-with-setting.ts'

const FILE = '"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'
const STDOUT = '"@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog'

const parse = (log: string) => parseWithSetting(`access_log: ${log}`)

function accept(log: string): AccessLogConfig {
  const { config, problems } = parse(log)
  assert.deepEqual(problems, [])
  const [listener] = (config as ProxyConfig).listeners
  const { accessLogs = [] } = (listener as ListenerConfig).filter as MetaProtocolConfig
  assert.equal(accessLogs.length, 1)
  return accessLogs[0] as AccessLogConfig
}

const problems = (log: string) =>
  parse(log).problems.map(({ path, message }) => `${path.replace(/^.*typed_config\.access_log/, '')}: ${message}`)

describe('access logs', () => {
  test('go to files and to the streams of the process', () => {
    const sinkOf = (config: string) => accept(`[{name: l, typed_config: {${config}}}]`).sink
    assert.deepEqual(sinkOf(`${FILE}, path: /var/log/a`), { kind: 'file', path: '/var/log/a' })
    // sockets cannot be opened by name
    assert.deepEqual(sinkOf(`${FILE}, path: /dev/stdout`), { kind: 'stdout' })
    assert.deepEqual(sinkOf(`${FILE}, path: /dev/stderr`), { kind: 'stderr' })
    assert.deepEqual(sinkOf(STDOUT), { kind: 'stdout' })
  })

  test('have the format that Aeraki writes where they say nothing', () => {
    const { format } = accept(`[{name: l, typed_config: {${STDOUT}}}]`)
    if (format.kind !== 'text') assert.fail('no text')
    const operators = format.pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.operator]))
    assert.equal(
      operators.join(' '),
      [
        'START_TIME REQ RESPONSE_CODE RESPONSE_CODE_DETAILS CONNECTION_TERMINATION_DETAILS',
        'UPSTREAM_TRANSPORT_FAILURE_REASON BYTES_RECEIVED BYTES_SENT DURATION REQ REQ UPSTREAM_CLUSTER',
        'UPSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_REMOTE_ADDRESS ROUTE_NAME',
      ].join(' '),
    )
    assert.equal(format.pieces.at(-1), '\n')
  })

  test('take the format of HTTP that meshes have, for what they do not know is -', () => {
    const istio =
      '[%START_TIME%] \\"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\\" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% \\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \\"%REQ(X-FORWARDED-FOR)%\\" \\"%REQ(USER-AGENT)%\\" \\"%REQ(X-REQUEST-ID)%\\" \\"%REQ(:AUTHORITY)%\\" \\"%UPSTREAM_HOST%\\" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\\n'
    accept(
      `[{name: l, typed_config: {${FILE}, path: /a, log_format: {text_format_source: {inline_string: "${istio}"}}}}]`,
    )
  })

  test('are a single mapping, as in files of the reference, and in every older form of a format', () => {
    for (const format of ['format: "%DURATION%"', 'json_format: {a: "%DURATION%"}', 'typed_json_format: {a: x}']) {
      accept(`{name: l, typed_config: {${FILE}, path: /a, ${format}}}`)
    }
  })

  test('sort the keys of JSON where they are told to', () => {
    const json = (options: string) => {
      const { format } = accept(
        `[{name: l, typed_config: {${STDOUT}, log_format: {json_format: {b: xx, a: {d: yy, c: zz}}${options}}}}]`,
      )
      return JSON.stringify(format)
        .match(/\["\w"/g)
        ?.map((key) => key[2])
        .join('')
    }
    assert.equal(json(''), 'badc')
    assert.equal(json(', json_format_options: {sort_properties: true}'), 'acdb')
  })

  test('are refused with what is wrong with them', () => {
    assert.deepEqual(problems('[{name: l}]'), ['[0].typed_config: typed_config is required'])
    assert.deepEqual(problems('[{name: l, typed_config: {"@type": a/b.C, x: 1}}]'), [
      '[0].typed_config: access logger b.C is not supported yet',
    ])
    assert.deepEqual(problems(`[{name: l, typed_config: {${FILE}}}]`), ['[0].typed_config.path: path is required'])
    const filter = (text: string) => problems(`[{name: l, typed_config: {${STDOUT}}, filter: ${text}}]`)
    assert.deepEqual(filter('{grpc_status_filter: {statuses: [OK]}}'), [
      '[0].filter.grpc_status_filter: grpc_status_filter is not supported yet',
    ])
    assert.deepEqual(
      filter('{metadata_filter: {matcher: {filter: envoy.lb, path: [{key: k}], value: {present_match: true}}}}'),
      [
        '[0].filter.metadata_filter.matcher.filter: there is no metadata of "envoy.lb", known are: aeraki.meta_protocol.request, aeraki.meta_protocol.response',
      ],
    )
    assert.deepEqual(filter('{}'), [
      '[0].filter: one of status_code_filter, duration_filter, not_health_check_filter, traceable_filter, runtime_filter, and_filter, or_filter, header_filter, response_flag_filter, grpc_status_filter, extension_filter, metadata_filter, log_type_filter is required',
    ])
  })

  test('have filters, and filters of filters', () => {
    const { filter } = accept(
      `[{name: l, typed_config: {${STDOUT}}, filter: {and_filter: {filters: [
        {status_code_filter: {comparison: {op: GE, value: {default_value: 1, runtime_key: k}}}},
        {or_filter: {filters: [{not_health_check_filter: {}}, {response_flag_filter: {flags: [UF, UT]}}]}}]}}}]`.replaceAll(
        '\n',
        ' ',
      ),
    )
    assert.deepEqual(filter, {
      kind: 'and',
      filters: [
        { kind: 'code', op: 'GE', value: 1 },
        {
          kind: 'or',
          filters: [
            { kind: 'constant', passes: true },
            { kind: 'flags', flags: ['UF', 'UT'] },
          ],
        },
      ],
    })
  })
})
