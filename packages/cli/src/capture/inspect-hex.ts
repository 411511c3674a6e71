/** Reads bytes that somebody has at hand, and says of each message what the codec found in it. */

import { ReceiveBuffer, type Side } from '@meltemi/sdk'
import { CommandError } from '../command-error.ts'
import { reasonOf, tryDecodeMessage } from './decode-message.ts'
import type { DecoderOptions } from './direction-decoder.ts'
import { messageJson } from './json-report.ts'
import { factsOf, MESSAGE_TYPE_NAMES, type MessageFacts } from './message-facts.ts'
import { hexDump, quoteText } from './plain-text.ts'
import { propertiesText } from './text-report.ts'

export interface InspectHexOptions extends DecoderOptions {
  readonly side: Side
  readonly format: 'text' | 'json'
  readonly write: (text: string) => void
}

const NO_PACKET = { packet: 0, timeNs: undefined }

/** White space is free, and `#` begins a comment to the end of its line. Throws a CommandError for what is no hex. */
export function parseHex(text: string): Buffer {
  const digits = text.replaceAll(/#.*$/gm, '').replaceAll(/\s+/g, '')
  const wrong = /[^0-9a-fA-F]/.exec(digits)
  if (wrong !== null) throw new CommandError([`--hex: ${JSON.stringify(wrong[0])} is no hexadecimal digit`])
  if (digits === '') throw new CommandError(['--hex: no bytes'])
  if (digits.length % 2 !== 0) throw new CommandError([`--hex: ${digits.length} digits, the last byte has one only`])
  return Buffer.from(digits, 'hex')
}

/** Throws a CommandError when the codec refuses the bytes; the messages before have been written. */
export function inspectHex(bytes: Buffer, options: InspectHexOptions): void {
  const buffer = new ReceiveBuffer(options.maxMessageBytes)
  buffer.append(bytes)
  const offset = (): number => bytes.length - buffer.length
  try {
    const codec = options.definition.create(options.side, options.config)
    while (buffer.isReady) {
      const start = offset()
      const metadata = tryDecodeMessage(codec, options.side, buffer)
      if (metadata === undefined) break
      const side = options.side === 'downstream' ? 'request' : 'reply'
      write(factsOf(metadata, { side, arrival: NO_PACKET, offset: start, lost: 0 }, options), options)
    }
  } catch (error: unknown) {
    throw new CommandError([`bytes from ${offset()}: ${reasonOf(error)}`])
  }
  if (buffer.length > 0) writeRest(buffer.length, offset(), options)
}

function write(message: MessageFacts, { format, write }: InspectHexOptions): void {
  if (format === 'json') write(`${JSON.stringify({ kind: 'message', ...messageJson(message) })}\n`)
  else write(`${annotate(message).join('\n')}\n`)
}

function writeRest(length: number, offset: number, { format, write }: InspectHexOptions): void {
  const text = `${length} bytes of a message without its end`
  if (format === 'json') write(`${JSON.stringify({ kind: 'note', code: 'unfinished', offset, text })}\n`)
  else write(`bytes from ${offset}: ${text}\n`)
}

/** The message field by field, those that say nothing left out. */
function annotate(message: MessageFacts): string[] {
  const { offset, size, headerSize, bodySize, bytes } = message
  const fields: (readonly [string, string])[] = [
    ['id', message.requestId === undefined ? '' : String(message.requestId)],
    ['stream', message.streamId === 0 ? '' : String(message.streamId)],
    ['status', message.isError ? 'error' : 'ok'],
    ['operation', message.operation === '' ? '' : quoteText(message.operation)],
    ['timeout', message.timeoutMs === 0 ? '' : `${message.timeoutMs} ms`],
    ['last', message.isLast ? '' : 'no, more replies follow'],
    ['dialect', message.dialect ?? ''],
    ['properties', propertiesText(message.properties).join(' ')],
  ]
  return [
    `${MESSAGE_TYPE_NAMES[message.type] ?? message.type}, bytes ${offset} to ${offset + size - 1}`,
    ...fields.filter(([, value]) => value !== '').map(([name, value]) => `  ${name.padEnd(10)}  ${value}`),
    `  header      ${headerSize} bytes`,
    ...dump(bytes?.subarray(0, headerSize), offset),
    `  body        ${bodySize} bytes`,
    ...dump(bytes?.subarray(headerSize), offset + headerSize),
    ...(bytes === undefined || bytes.length === size ? [] : [`    … ${size - bytes.length} more bytes`]),
  ]
}

function dump(bytes: Buffer | undefined, at: number): string[] {
  return bytes === undefined ? [] : hexDump(bytes, at).map((row) => `    ${row}`)
}
