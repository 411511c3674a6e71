import type { LogFormat, LogJson, LogPiece } from '@meltemi/api/model'
import type { ExchangeRecord } from '../record.ts'
import { compileValue, type LogContext, type LogValue } from './log-value.ts'

export type LineFormat = (record: ExchangeRecord) => string

const UNKNOWN = '-'
const CONTROL = /[\p{Cc}\u2028\u2029]/u
const CONTROLS = /[\p{Cc}\u2028\u2029]/gu

/** Makes, of a format, the function that writes the line of an exchange. */
export function compileLine(format: LogFormat, omitsEmpty: boolean, context: LogContext): LineFormat {
  if (format.kind === 'text') return compileText(format.pieces, omitsEmpty ? '' : UNKNOWN, context, escapeControls)
  const write = compileJson(format.root, omitsEmpty, context)
  return (record) => `${write(record) ?? '{}'}\n`
}

function compileText(
  pieces: readonly LogPiece[],
  unknown: string,
  context: LogContext,
  clean: (text: string) => string,
): LineFormat {
  const parts = pieces.map((piece) => (typeof piece === 'string' ? piece : compileValue(piece, context)))
  return (record) => {
    let line = ''
    for (let at = 0; at < parts.length; at++) {
      const part = parts[at] as string | LogValue
      if (typeof part === 'string') line += part
      else {
        const value = part(record)
        if (value === null) line += unknown
        else line += typeof value === 'string' ? clean(value) : value
      }
    }
    return line
  }
}

/** What comes in messages must not be able to begin a line of its own. */
function escapeControls(text: string): string {
  return CONTROL.test(text) ? text.replace(CONTROLS, escapeControl) : text
}

function escapeControl(control: string): string {
  return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** undefined: nothing is to be written, nor its key. */
type JsonWriter = (record: ExchangeRecord) => string | undefined

function compileJson(node: LogJson, omitsEmpty: boolean, context: LogContext): JsonWriter {
  switch (node.kind) {
    case 'object':
      return compileObject(node.entries, omitsEmpty, context)
    case 'list':
      return compileList(node.items, omitsEmpty, context)
    case 'constant':
      return constant(JSON.stringify(node.value))
    case 'text':
      return compileJsonText(node.pieces, omitsEmpty, context)
    default:
      return node satisfies never
  }
}

function constant(text: string): JsonWriter {
  return () => text
}

/** One operator alone keeps the type of its value. */
function compileJsonText(pieces: readonly LogPiece[], omitsEmpty: boolean, context: LogContext): JsonWriter {
  const [piece = ''] = pieces
  if (pieces.length > 1) {
    const line = compileText(pieces, omitsEmpty ? '' : UNKNOWN, context, asItIs)
    return (record) => JSON.stringify(line(record))
  }
  if (typeof piece === 'string') return constant(JSON.stringify(piece))
  const value = compileValue(piece, context)
  const unknown = omitsEmpty ? undefined : 'null'
  return (record) => {
    const known = value(record)
    if (known === null) return unknown
    return typeof known === 'number' ? String(known) : JSON.stringify(known)
  }
}

function asItIs(text: string): string {
  return text
}

function compileObject(
  entries: readonly (readonly [string, LogJson])[],
  omitsEmpty: boolean,
  context: LogContext,
): JsonWriter {
  const members = entries.map(([key, node]) => ({
    prefix: `${JSON.stringify(key)}:`,
    write: compileJson(node, omitsEmpty, context),
  }))
  return (record) => {
    let text = ''
    for (const { prefix, write } of members) {
      const value = write(record)
      if (value !== undefined) text += (text === '' ? '' : ',') + prefix + value
    }
    return `{${text}}`
  }
}

function compileList(items: readonly LogJson[], omitsEmpty: boolean, context: LogContext): JsonWriter {
  const writers = items.map((item) => compileJson(item, omitsEmpty, context))
  return (record) => {
    let text = ''
    for (let at = 0; at < writers.length; at++) {
      text += (at === 0 ? '' : ',') + ((writers[at] as JsonWriter)(record) ?? 'null')
    }
    return `[${text}]`
  }
}
