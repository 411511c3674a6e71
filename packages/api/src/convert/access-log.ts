import { type AccessLogConfig, type LogFormat, type LogSink, parseLogFormat, parseLogJson } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { toProtoJson } from '../schema/plain-json.ts'
import { convertLogFilter } from './access-log-filter.ts'

const FILE_TYPE = 'envoy.extensions.access_loggers.file.v3.FileAccessLog'
const STREAMS: ReadonlyMap<string, LogSink> = new Map([
  ['envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', { kind: 'stdout' }],
  ['envoy.extensions.access_loggers.stream.v3.StderrAccessLog', { kind: 'stderr' }],
])
/** These cannot be opened by name where they are sockets. */
const STREAM_PATHS: ReadonlyMap<string, LogSink> = new Map([
  ['/dev/stdout', { kind: 'stdout' }],
  ['/dev/stderr', { kind: 'stderr' }],
])

/** What Aeraki writes where a mesh says nothing of its own. */
const DEFAULT_FORMAT = `[%START_TIME%] %REQ(X-META-PROTOCOL-APPLICATION-PROTOCOL)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% \
%CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION%  \
"%REQ(X-FORWARDED-FOR)%" "%REQ(X-REQUEST-ID)%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% \
%DOWNSTREAM_REMOTE_ADDRESS% %ROUTE_NAME%\n`

/** Reads field `access_log`. */
export function convertAccessLogs(proxy: ConfigMessage): readonly AccessLogConfig[] {
  return proxy.messages('access_log').flatMap((log) => convertAccessLog(log) ?? [])
}

function convertAccessLog(log: ConfigMessage): AccessLogConfig | undefined {
  const asConfigured = toProtoJson(log)
  const filter = log.message('filter')
  const config = log.any('typed_config')
  if (config === undefined) {
    log.reportMissing('typed_config')
    return undefined
  }
  const stream = STREAMS.get(config.typeName)
  const isKnown = stream !== undefined || config.typeName === FILE_TYPE
  if (config.message === undefined || !isKnown) {
    log.problems.refuse(config, `access logger ${config.typeName} is not supported yet`)
    return undefined
  }
  return {
    sink: stream ?? fileSink(config.message.text('path')),
    ...convertFormat(config.message),
    filter: filter === undefined ? undefined : convertLogFilter(filter),
    asConfigured,
  }
}

function fileSink(path: string): LogSink {
  return STREAM_PATHS.get(path) ?? { kind: 'file', path }
}

type Format = Pick<AccessLogConfig, 'format' | 'omitEmptyValues'>

/** The format of a logger: `log_format`, or one of the older fields of a file's. */
function convertFormat(logger: ConfigMessage): Format {
  const format = logger.message('log_format')
  if (format !== undefined) return convertSubstitution(format)
  const plain = (format: LogFormat): Format => ({ format, omitEmptyValues: false })
  if (logger.has('format')) return plain(textFormat(logger, 'format', logger.text('format')))
  for (const field of ['json_format', 'typed_json_format']) {
    if (logger.has(field)) return plain(jsonFormat(logger, field, false))
  }
  return plain({ kind: 'text', pieces: parseLogFormat(DEFAULT_FORMAT, () => {}) })
}

function convertSubstitution(format: ConfigMessage): Format {
  const omitEmptyValues = format.flag('omit_empty_values') ?? false
  const isSorted = format.message('json_format_options')?.flag('sort_properties') ?? false
  if (format.has('json_format')) return { format: jsonFormat(format, 'json_format', isSorted), omitEmptyValues }
  const text = format.has('text_format') ? 'text_format' : 'text_format_source'
  if (format.has('json_format_options')) {
    for (const field of ['json_format_options', text]) format.error(field, 'text has no properties to be sorted')
  }
  const source = format.message('text_format_source')
  if (source !== undefined) {
    return { format: textFormat(source, 'inline_string', source.text('inline_string')), omitEmptyValues }
  }
  return { format: textFormat(format, 'text_format', format.text('text_format')), omitEmptyValues }
}

function textFormat(owner: ConfigMessage, field: string, text: string): LogFormat {
  return { kind: 'text', pieces: parseLogFormat(text, (message) => owner.error(field, message)) }
}

function jsonFormat(owner: ConfigMessage, field: string, isSorted: boolean): LogFormat {
  const json = owner.json(field)
  return { kind: 'json', root: parseLogJson(isSorted ? sorted(json) : json, (message) => owner.error(field, message)) }
}

/** The same with the keys of every object in the order of their characters. */
function sorted(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(sorted)
  if (typeof json !== 'object' || json === null) return json
  const entries = Object.entries(json).map(([key, value]) => [key, sorted(value)] as const)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
