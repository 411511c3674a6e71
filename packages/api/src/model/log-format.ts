/** Formats of access logs, in Envoy's language: `[%START_TIME%] %REQ(METHOD?PATH):20% %DURATION%\n`. */

/**
 * What may stand between percent signs, and what belongs in its parentheses: nothing, keys of a message's properties, or
 * the format of a time. `%RESPONSE_STATUS%` is ours.
 */
export const LOG_OPERATORS = {
  ACCESS_LOG_TYPE: 'nothing',
  BYTES_RECEIVED: 'nothing',
  BYTES_SENT: 'nothing',
  CONNECTION_TERMINATION_DETAILS: 'nothing',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: 'nothing',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: 'nothing',
  DOWNSTREAM_LOCAL_ADDRESS: 'nothing',
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: 'nothing',
  DOWNSTREAM_LOCAL_PORT: 'nothing',
  DOWNSTREAM_PEER_DNS_SAN: 'nothing',
  DOWNSTREAM_PEER_FINGERPRINT_256: 'nothing',
  DOWNSTREAM_PEER_SUBJECT: 'nothing',
  DOWNSTREAM_PEER_URI_SAN: 'nothing',
  DOWNSTREAM_REMOTE_ADDRESS: 'nothing',
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: 'nothing',
  DOWNSTREAM_REMOTE_PORT: 'nothing',
  DOWNSTREAM_TLS_VERSION: 'nothing',
  DURATION: 'nothing',
  EMIT_TIME: 'time',
  HOSTNAME: 'nothing',
  PROTOCOL: 'nothing',
  REQ: 'keys',
  REQUESTED_SERVER_NAME: 'nothing',
  RESP: 'keys',
  RESPONSE_CODE: 'nothing',
  RESPONSE_CODE_DETAILS: 'nothing',
  RESPONSE_DURATION: 'nothing',
  RESPONSE_FLAGS: 'nothing',
  RESPONSE_FLAGS_LONG: 'nothing',
  RESPONSE_STATUS: 'nothing',
  ROUTE_NAME: 'nothing',
  START_TIME: 'time',
  TRACE_ID: 'nothing',
  UPSTREAM_CLUSTER: 'nothing',
  UPSTREAM_CLUSTER_RAW: 'nothing',
  UPSTREAM_HOST: 'nothing',
  UPSTREAM_LOCAL_ADDRESS: 'nothing',
  UPSTREAM_REQUEST_ATTEMPT_COUNT: 'nothing',
  UPSTREAM_TRANSPORT_FAILURE_REASON: 'nothing',
} as const satisfies Readonly<Record<string, 'nothing' | 'keys' | 'time'>>

export type LogOperator = keyof typeof LOG_OPERATORS

export interface LogOperation {
  readonly operator: LogOperator
  /** In lower case; the first one that is there counts. */
  readonly keys: readonly string[]
  /** Of a time, in strftime's language; empty: ISO 8601 with milliseconds. */
  readonly timeFormat: string
  /** Characters; 0: all. */
  readonly maxLength: number
}

/** Text as it is, or what an operator says. */
export type LogPiece = string | LogOperation

/** An object, list or value of a JSON format. */
export type LogJson =
  | { readonly kind: 'object'; readonly entries: readonly (readonly [key: string, value: LogJson])[] }
  | { readonly kind: 'list'; readonly items: readonly LogJson[] }
  | { readonly kind: 'text'; readonly pieces: readonly LogPiece[] }
  | { readonly kind: 'constant'; readonly value: number | boolean | null }

const OPERATION = /%(?:([A-Z_][A-Z0-9_]*)(?:\(([^)]*)\))?(?::(\d{1,6}))?)?%/y
const TIME_SPECIFIER = /%(?:[YymdeHMSFTsfjbaBAzZ%]|[1-9]f)/g
const MAX_KEYS = 2

/** The pieces of a format; what is wrong with it goes to `fault`, and is left out. */
export function parseLogFormat(text: string, fault: (message: string) => void): readonly LogPiece[] {
  const pieces: LogPiece[] = []
  let plain = ''
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('%', at)
    plain += text.slice(at, next < 0 ? text.length : next)
    if (next < 0) break
    OPERATION.lastIndex = next
    const found = OPERATION.exec(text)
    if (found === null) {
      fault(`expected an operator such as %START_TIME% at ${JSON.stringify(text.slice(next, next + 20))}`)
      break
    }
    at = OPERATION.lastIndex
    if (found[1] === undefined) {
      plain += '%'
      continue
    }
    const operation = parseOperation(found[1], found[2], found[3], fault)
    if (operation === undefined) continue
    if (plain !== '') pieces.push(plain)
    plain = ''
    pieces.push(operation)
  }
  return plain === '' ? pieces : [...pieces, plain]
}

function parseOperation(
  name: string,
  inside: string | undefined,
  length: string | undefined,
  fault: (message: string) => void,
): LogOperation | undefined {
  if (!isOperator(name)) {
    fault(`there is no operator %${name}%, known are: ${Object.keys(LOG_OPERATORS).join(', ')}`)
    return undefined
  }
  const wants = LOG_OPERATORS[name]
  const problem = insideProblem(wants, inside)
  if (problem !== undefined) fault(`%${name}% ${problem}`)
  const keys = wants === 'keys' ? (inside ?? '').toLowerCase().split('?') : []
  const timeFormat = wants === 'time' ? (inside ?? '') : ''
  return { operator: name, keys, timeFormat, maxLength: Number(length ?? 0) }
}

function isOperator(name: string): name is LogOperator {
  return Object.hasOwn(LOG_OPERATORS, name)
}

function insideProblem(wants: 'nothing' | 'keys' | 'time', inside: string | undefined): string | undefined {
  if (wants === 'nothing') return inside === undefined ? undefined : 'takes no parentheses'
  if (wants === 'time') return timeProblem(inside ?? '')
  const keys = (inside ?? '').split('?')
  if (keys.some((key) => key === '')) return 'wants the key of a property in parentheses'
  return keys.length > MAX_KEYS ? `takes at most ${MAX_KEYS} keys` : undefined
}

function timeProblem(format: string): string | undefined {
  const at = format.replace(TIME_SPECIFIER, (known) => ' '.repeat(known.length)).indexOf('%')
  return at < 0 ? undefined : `does not know ${JSON.stringify(format.slice(at, at + 2))} in a time`
}

/** Reads a JSON format: texts in it are formats. A text that is one operator alone keeps the type of its value. */
export function parseLogJson(json: unknown, fault: (message: string) => void): LogJson {
  if (typeof json === 'string') return { kind: 'text', pieces: parseLogFormat(json, fault) }
  if (Array.isArray(json)) return { kind: 'list', items: json.map((item) => parseLogJson(item, fault)) }
  if (typeof json === 'object' && json !== null) {
    const entries = Object.entries(json).map(([key, value]) => [key, parseLogJson(value, fault)] as const)
    return { kind: 'object', entries }
  }
  return { kind: 'constant', value: typeof json === 'number' || typeof json === 'boolean' ? json : null }
}

/** All keys that a format asks for, in lower case. */
export function logKeys(format: LogJson): readonly string[] {
  switch (format.kind) {
    case 'text':
      return format.pieces.flatMap((piece) => (typeof piece === 'string' ? [] : piece.keys))
    case 'object':
      return format.entries.flatMap(([, value]) => logKeys(value))
    case 'list':
      return format.items.flatMap(logKeys)
    case 'constant':
      return []
    default:
      return format satisfies never
  }
}
