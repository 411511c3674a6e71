/**
 * The body of a request: Hessian 2 values, one behind the other.
 *
 *   | Dubbo's version | interface | its version  | method | parameter types | argument … | attachments |
 *     string            string      string, null   string   string, null      one a type   map
 *
 * Arguments are passed, not read. Their types are written as in Java's class files, `Ljava/lang/String;[I` for two.
 */

import { type Metadata, ProtocolError } from '@meltemi/sdk'
import { readAttachments } from './attachments.ts'
import { Code } from './hessian2-code.ts'
import type { Hessian2Reader } from './hessian2-reader.ts'
import type { Layout } from './layout.ts'

const ARRAY = 0x5b
const CLASS = 0x4c
const CLASS_END = 0x3b
/** Void, boolean, byte, char, double, float, int, long, short. */
const PRIMITIVES: ReadonlySet<number> = new Set(Buffer.from('VZBCDFIJS'))

/** Fills metadata and layout; the reader stands at the beginning of the body of `metadata.message`. */
export function readInvocation(reader: Hessian2Reader, metadata: Metadata, layout: Layout): void {
  reader.skipText()
  const path = reader.readName()
  metadata.set('interface', path)
  if (reader.code === Code.nothing) reader.skipValue()
  else reader.readProperty('version', metadata)
  const method = reader.readName()
  metadata.set('method', method)
  metadata.operation = `${path}/${method}`
  skipArguments(reader, metadata.message)
  readAttachments(reader, metadata, layout)
}

/** Passes everything before the attachments. */
export function skipInvocation(reader: Hessian2Reader, message: Buffer): void {
  reader.skipText()
  reader.skipText()
  reader.skipValue()
  reader.skipText()
  skipArguments(reader, message)
}

function skipArguments(reader: Hessian2Reader, message: Buffer): void {
  for (let left = readParameterCount(reader, message); left > 0; left--) reader.skipValue()
}

function readParameterCount(reader: Hessian2Reader, message: Buffer): number {
  if (reader.code === Code.nothing) {
    reader.skipValue()
    return 0
  }
  reader.readText()
  if (reader.text === undefined) return countParameters(message, reader.textStart, reader.textEnd)
  const types = Buffer.from(reader.text)
  return countParameters(types, 0, types.length)
}

function countParameters(types: Buffer, start: number, end: number): number {
  let count = 0
  for (let at = start; at < end; at++) {
    const type = types[at] as number
    if (type === ARRAY) continue
    if (type === CLASS) at = classEnd(types, at, end)
    else if (!PRIMITIVES.has(type)) throw new ProtocolError(`byte ${type.toString(16)} is no type of a parameter`)
    count++
  }
  return count
}

function classEnd(types: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at++) if (types[at] === CLASS_END) return at
  throw new ProtocolError('the class of a parameter does not end')
}
