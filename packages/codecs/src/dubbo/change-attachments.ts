/**
 * Writes the body of a message with other attachments. Everything before them, and every entry that stays, are bytes of
 * the message: neither arguments nor results are made anew.
 */

import { type ByteWriter, MessageType, type Metadata, type Mutation } from '@meltemi/sdk'
import { readKey, TIMEOUT } from './attachments.ts'
import { AT, MAX_BODY_BYTES } from './frame.ts'
import { Code } from './hessian2-code.ts'
import type { Hessian2Reader } from './hessian2-reader.ts'
import { writeText } from './hessian2-text-writer.ts'
import { skipInvocation } from './invocation.ts'
import { Form, type Layout } from './layout.ts'
import { hasValue, readResultType, skipResult, typeWithAttachments } from './result.ts'

/** What is to become of a message. */
export interface Change {
  readonly metadata: Metadata
  readonly mutation: Mutation
}

/** Whether the message would be another one. */
export function isChange(metadata: Metadata, mutation: Mutation): boolean {
  const layout = metadata.detail as Layout | undefined
  if (layout === undefined) return false
  // a consumer that was sent an exception without attachments may not know of any
  if (metadata.type === MessageType.Error && layout.form === Form.Absent) return false
  if (metadata.timeoutMs !== layout.timeoutMs) return true
  if (layout.form === Form.Map) return mutation.size > 0
  for (let n = 0; n < mutation.size; n++) if (mutation.value(n) !== undefined) return true
  return false
}

/** Writes body length and body; throws when what stands where attachments should be is no map, or it grows too large. */
export function writeChangedBody(reader: Hessian2Reader, change: Change, out: ByteWriter): void {
  const { form } = layoutOf(change)
  if (form === Form.Other) throw new Error('the attachments of this message are no map')
  const lengthAt = out.length
  out.u32(0)
  const bodyAt = out.length
  if (form === Form.Map) writeChangedMap(reader, change, out)
  else writeNewMap(reader, change, out)
  reader.stop()
  const length = out.length - bodyAt
  if (length > MAX_BODY_BYTES) throw new Error(`body length ${length} exceeds ${MAX_BODY_BYTES}`)
  out.setU32(lengthAt, length)
}

function layoutOf({ metadata }: Change): Layout {
  return metadata.detail as Layout
}

/** Where there was none: the message gets a map. What stands behind, and means nothing, stays behind. */
function writeNewMap(reader: Hessian2Reader, change: Change, out: ByteWriter): void {
  const { message, type } = change.metadata
  const { form, at } = layoutOf(change)
  let rest = form === Form.Null ? at + 1 : at
  if (type === MessageType.Response && form === Form.Absent) rest = writeRenamedResult(reader, message, out)
  else out.bytes(message, AT.body, at)
  out.u8(Code.map)
  writePairs(change, out)
  out.u8(Code.end).bytes(message, rest)
}

/** The result under the name that it has with attachments; returns where it ends. */
function writeRenamedResult(reader: Hessian2Reader, message: Buffer, out: ByteWriter): number {
  reader.start(message, AT.body)
  const type = readResultType(reader)
  out.u8(typeWithAttachments(type))
  const valueAt = reader.at
  if (hasValue(type)) reader.skipValue()
  out.bytes(message, valueAt, reader.at)
  return reader.at
}
function writeChangedMap(reader: Hessian2Reader, change: Change, out: ByteWriter): void {
  const { message } = change.metadata
  const { end } = layoutOf(change)
  if (isOnlyAdding(change)) out.bytes(message, AT.body, end)
  else writeKept(reader, change, out)
  writePairs(change, out)
  out.bytes(message, end)
}

/** No entry has to go: they need not be looked at. */
function isOnlyAdding(change: Change): boolean {
  const { metadata, mutation } = change
  if (layoutOf(change).hasHidden || hasNewTimeout(change)) return false
  for (let n = 0; n < mutation.size; n++) if (metadata.get(mutation.key(n)) !== undefined) return false
  return true
}

/** The body up to the end mark of the map, without the entries that go. */
function writeKept(reader: Hessian2Reader, change: Change, out: ByteWriter): void {
  const { message } = change.metadata
  const { end } = layoutOf(change)
  let from: number = AT.body
  let hasLostRelated = false
  enterAttachments(reader, change)
  while (reader.at < end) {
    const entryAt = reader.at
    const relatedBefore = reader.related
    const goes = isReplaced(readKey(reader), change)
    reader.skipValue()
    const isRelated = reader.related > relatedBefore
    // references, classes and types are numbered through the whole message
    if (!goes && isRelated && hasLostRelated) throw new Error('an attachment that others may refer to cannot go')
    if (!goes) continue
    out.bytes(message, from, entryAt)
    from = reader.at
    hasLostRelated ||= isRelated
  }
  out.bytes(message, from, end)
}

function enterAttachments(reader: Hessian2Reader, { metadata }: Change): void {
  const { message, type } = metadata
  reader.start(message, AT.body)
  if (type === MessageType.Request || type === MessageType.Oneway) skipInvocation(reader, message)
  else skipResult(reader)
  reader.enterMap()
}

/** Whether the entry under this key is removed, or another takes its place. */
function isReplaced(key: string | undefined, change: Change): boolean {
  const { mutation } = change
  if (key === undefined) return false
  if (key === TIMEOUT && hasNewTimeout(change)) return true
  for (let n = 0; n < mutation.size; n++) if (mutation.key(n) === key) return true
  return false
}

function hasNewTimeout(change: Change): boolean {
  return change.metadata.timeoutMs !== layoutOf(change).timeoutMs
}

function writePairs(change: Change, out: ByteWriter): void {
  const { metadata, mutation } = change
  let hasTimeout = false
  for (let n = 0; n < mutation.size; n++) {
    const key = mutation.key(n)
    const value = mutation.value(n)
    if (key === TIMEOUT) hasTimeout = true
    if (value === undefined) continue
    writeText(key, out)
    writeText(value, out)
  }
  // what the configuration asks for comes before what is left of the caller's time
  if (hasTimeout || !hasNewTimeout(change)) return
  writeText(TIMEOUT, out)
  if (layoutOf(change).isTimeoutNumber) out.u8(Code.int32).u32(metadata.timeoutMs)
  else writeText(String(metadata.timeoutMs), out)
}
