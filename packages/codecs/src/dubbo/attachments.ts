/** The attachments of a message: a map at its end. Those whose key and value are strings are its properties. */

import { MessageType, type Metadata, ProtocolError } from '@meltemi/sdk'
import { Code } from './hessian2-code.ts'
import type { Hessian2Reader } from './hessian2-reader.ts'
import { Form, type Layout } from './layout.ts'

export const TIMEOUT = 'timeout'
/** What a call is routed and allowed by must not be overwritten by what a client says beside it. */
const RESERVED = new Set(['interface', 'method'])
const INTERFACE_LENGTH = 'interface'.length
const METHOD_LENGTH = 'method'.length
const PATH = 'path'
/** Properties are found by looking at one after the other, so a peer must not be able to make very many. */
const MAX_ENTRIES = 256
const MAX_TIMEOUT_MS = 0x7fff_ffff

/** Reads them into metadata and layout. The reader stands where they begin, and afterwards where they end. */
export function readAttachments(reader: Hessian2Reader, metadata: Metadata, layout: Layout): void {
  layout.at = reader.at
  layout.form = formOf(reader)
  if (layout.form !== Form.Map) {
    if (layout.form !== Form.Absent) reader.skipValue()
    return
  }
  reader.enterMap()
  for (let count = 0; ; count++) {
    layout.end = reader.at
    if (reader.takeEnd()) break
    if (count === MAX_ENTRIES) throw new ProtocolError(`more than ${MAX_ENTRIES} attachments`)
    readEntry(reader, metadata, layout)
  }
}

/** The next key; undefined: it is no string, and passed. */
export function readKey(reader: Hessian2Reader): string | undefined {
  if (reader.isText) return reader.readName()
  reader.skipValue()
  return undefined
}

function formOf(reader: Hessian2Reader): Form {
  if (reader.isAtEnd) return Form.Absent
  const { code } = reader
  if (code === Code.map || code === Code.typedMap) return Form.Map
  return code === Code.nothing ? Form.Null : Form.Other
}

function readEntry(reader: Hessian2Reader, metadata: Metadata, layout: Layout): void {
  const key = readKey(reader)
  if (key === undefined || !reader.isText) {
    layout.hasHidden = true
    readHidden(reader, key, metadata, layout)
    return
  }
  if (isSaid(key, metadata)) {
    if (metadata.get(key) === undefined) layout.hasHidden = true
    reader.skipText()
    return
  }
  reader.readProperty(key, metadata)
  if (key === TIMEOUT) setTimeoutMs(metadata, layout, Number(metadata.get(TIMEOUT)))
  else if (key === PATH) checkPath(metadata)
}

/** Whether the call has said it already; a reply says none of it. */
function isSaid(key: string, metadata: Metadata): boolean {
  if (key.length !== METHOD_LENGTH && key.length !== INTERFACE_LENGTH) return false
  const name = key.toLowerCase()
  return RESERVED.has(name) && metadata.get(name) !== undefined
}

/** Providers in Java serve the path that is said here, so it must be the one that was looked at. */
function checkPath(metadata: Metadata): void {
  const called = metadata.get('interface')
  const path = metadata.get(PATH)
  if (called === undefined || path === undefined || plainPath(path) === plainPath(called)) return
  throw new ProtocolError(`attachment path ${JSON.stringify(path)} is not that of the call, ${JSON.stringify(called)}`)
}

function plainPath(path: string): string {
  return path.startsWith('/') ? path.slice(1) : path
}

/** An entry that is no property. Dubbo 3 writes what is left of a timeout as a number. */
function readHidden(reader: Hessian2Reader, key: string | undefined, metadata: Metadata, layout: Layout): void {
  if (key !== TIMEOUT || !reader.isInt) {
    reader.skipValue()
    return
  }
  setTimeoutMs(metadata, layout, reader.readInt())
  layout.isTimeoutNumber = true
}

function setTimeoutMs(metadata: Metadata, layout: Layout, ms: number): void {
  if (metadata.type !== MessageType.Request && metadata.type !== MessageType.Oneway) return
  const isTimeout = Number.isInteger(ms) && ms > 0 && ms <= MAX_TIMEOUT_MS
  metadata.timeoutMs = isTimeout ? ms : 0
  layout.timeoutMs = metadata.timeoutMs
  layout.isTimeoutNumber = false
}
